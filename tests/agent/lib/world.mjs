// A panel and an agent that talk to each other, and what tests make in them.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { Agent } from './agent.mjs';
import { Panel } from './panel.mjs';
import { target } from './target.mjs';
import { until } from './wait.mjs';

/** All servers of this run begin so: one engine serves several runs. */
export const runPrefix = `e2e-${randomBytes(3).toString('hex')}-`;
let lastName = 0;
export const uniqueId = (what) => `${runPrefix}${what}-${++lastName}`;

/** A program that ends with `code` on `signal`. In a container it says when its trap is set. */
export const trapping = (signal, code) =>
  `trap 'exit ${code}' ${signal};${target.real ? ' touch ready;' : ''} while :; do sleep 1 & wait $!; done`;

/** Programs for servers, understood by a shell and by the mock engine alike. */
export const programs = {
  /** Process 1 without handlers: the kernel keeps every signal but KILL from it. */
  stubborn: 'sleep 1000',
  graceful: trapping('TERM', 0),
  onInterrupt: trapping('INT', 42),
  crash: 'sleep 0.5; exit 7',
  finish: 'sleep 0.5; exit 0',
  /** Takes memory until it is stopped, from when its file `eat` is there. */
  hungry: 'until [ -e eat ]; do sleep 0.1; done; tail /dev/zero',
};

export class World {
  static async open({ settings, args, directory, secret, panel, connect = true, autoPong } = {}) {
    const world = new World();
    world.secret = secret ?? `s3cret-${randomBytes(12).toString('hex')}`;
    world.panel = panel ?? await Panel.start({ secret: world.secret, autoPong });
    if (panel) world.secret = panel.secret;
    world.agent = new Agent({
      nodeId: uniqueId('node'), directory, args,
      settings: {
        PANEL_URL: world.panel.url, AGENT_SECRET: world.secret, RUNTIME: target.runtime, RATE_LIMIT: '0', ...settings,
      },
    });
    world.link = world.panel.link(world.agent.nodeId);
    world.created = [];
    world.agent.start();
    if (connect) await world.greeted();
    return world;
  }

  /** Waits for the greeting of connection number `connection`, counted from 1. */
  async greeted(connection = 1, ms = 10_000) {
    const { agent, link } = this;
    try {
      await until('connection', () => {
        assert.ok(agent.running, 'the agent ended');
        return link.connections >= connection && link.socket;
      }, ms);
      await until('greeting', () => link.messages().filter((m) => m.type === 'system_info').length >= connection, 5_000);
    } catch (error) {
      throw new Error(`${error.message}\n${agent.tail()}`, { cause: error });
    }
  }

  /** The payload of a create_server that works, with `fields` on top. */
  static payload(fields = {}) {
    return { image: target.image, startup: programs.graceful, limits: { memory: '64m' }, ...fields };
  }

  /** A server, made by the panel once the engine answers. `what` names it in failures. */
  async create(what, fields = {}) {
    const id = uniqueId(what);
    if (target.real) await until('engine', async () => (await this.agent.health()).runtime.reachable, 60_000);
    this.created.push(id);
    await this.link.command('create_server', id, World.payload(fields)).done(30_000);
    return id;
  }

  async start(id) {
    const command = this.link.command('start_server', id);
    await command.done();
    return command;
  }

  /** A server that runs. */
  async run(what, fields = {}) {
    const id = await this.create(what, fields);
    await this.start(id);
    const status = await this.link.status(id);
    assert.equal(status.status, 'running', JSON.stringify(status));
    if (!fields.startup || fields.startup.includes('touch ready')) await this.settled(id);
    return id;
  }

  /** Waits until a trapping() program has set its trap. */
  async settled(id) {
    if (!target.real) return;
    const ready = path.join(this.agent.dataDir, id, 'ready');
    await until(`'ready' of ${id}`, () => fs.existsSync(ready));
    fs.rmSync(ready);
  }

  /** Ends everything and checks all promises that hold for every conversation. */
  async close() {
    const problems = [];
    const attempt = async (step) => {
      try {
        await step();
      } catch (error) {
        problems.push(error.message);
      }
    };
    await attempt(() => this.agent.stop());
    problems.push(...this.link.violations(), ...this.agent.violations());
    const leak = this.link.messages().find((m) => JSON.stringify(m).includes(this.secret));
    if (leak) problems.push(`told the secret: ${JSON.stringify(leak)}`);
    await attempt(() => this.panel.stop());
    await attempt(() => Promise.all(this.created.map((id) => target.engine?.remove(id))));
    this.agent.cleanUp();
    assert.deepEqual(problems, []);
  }
}

/** Runs `body` in a world of its own, which must end clean. */
export async function inWorld(options, body) {
  const world = await World.open(options);
  let failure;
  try {
    await body(world);
  } catch (error) {
    failure = new Error(`${error.message}\n${world.agent.tail()}`, { cause: error });
  }
  try {
    await world.close();
  } catch (error) {
    failure ??= error;
  }
  if (failure) throw failure;
}
