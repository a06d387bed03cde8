// What is refused, and that nothing else comes of it.

import assert from 'node:assert/strict';
import { inWorld, programs } from './world.mjs';

let lastId = 0;
export const freshId = () => `bad_${process.pid}_${++lastId}`;
export const command = (fields) => ({ id: freshId(), type: 'command', ...fields });

/** The world's connection, agent process and bystander are what they were. */
export async function unharmed(world) {
  const { link, agent, bystander, before } = world;
  const status = await link.status(bystander);
  assert.ok(agent.running, 'the agent ended');
  assert.equal(link.connections, 1, 'the connection was lost');
  assert.deepEqual([status.status, status.startedAt, status.containerId],
    ['running', before.startedAt, before.containerId]);
  const changes = link.changes(bystander, before.mark);
  assert.deepEqual(changes, [], 'something happened to the bystander');
}

/** A world with a server that nothing may happen to. */
export function besideBystander(body) {
  return () => inWorld({}, async (world) => {
    world.bystander = await world.run('bystander', { startup: programs.stubborn });
    world.before = { ...await world.link.status(world.bystander), mark: world.link.mark() };
    await body(world);
    await unharmed(world);
  });
}

/** Sends raw text and waits for a refusal with `code`, then checks that nothing else happened. */
export async function refusedText(world, what, text, code) {
  const mark = world.link.mark();
  world.link.sendText(text);
  await refusedAs(world, what, code, mark);
}

export async function refusedAs(world, what, code, mark) {
  try {
    await world.link.refusal(code, mark);
    await unharmed(world);
  } catch (error) {
    throw new Error(`${what}: ${error.message}`, { cause: error });
  }
}

/** A command that must be refused with `code` and a message like `names`. */
export async function refusedCommand(world, what, message, code, names) {
  try {
    const text = await world.link.send(command(message)).refused(code);
    if (names) assert.match(text, names);
    assert.ok(!text.includes(world.secret));
    assert.ok(!text.includes(world.agent.directory), `a host path is told: ${text}`);
  } catch (error) {
    throw new Error(`${what}: ${error.message}`, { cause: error });
  }
}
