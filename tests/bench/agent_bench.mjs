// What the agent costs, on the mock engine: start-up, memory, and get_status under pending stops.
// Prints rows of the table that engine_bench begins. Run by scripts/bench.sh.

import fs from 'node:fs';
import { pause, until } from '../agent/lib/wait.mjs';
import { World, programs } from '../agent/lib/world.mjs';

const kStarts = 15;
const kSamples = 3000;
const kPendingStops = 50;
const kServers = 200;
let lastId = 0;

const percentile = (values, part) => [...values].sort((a, b) => a - b)[Math.floor(part * (values.length - 1))];
const row = (...cells) => console.log(`| ${cells.join(' | ')} |`);

/** Proportional set size in MB: what would be free again if the process ended. */
function pssOf(pid) {
  const text = fs.readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
  return Number(text.match(/^Pss:\s+(\d+) kB/m)[1]) / 1024;
}

async function settledPss(pid) {
  // Threads that had work end after 5 s without.
  await pause(7000);
  return pssOf(pid);
}

async function startTimes() {
  const times = [];
  for (let i = 0; i < kStarts; ++i) {
    const world = await World.open();
    await world.agent.stop();
    const mark = world.link.mark();
    const start = process.hrtime.bigint();
    world.agent.start();
    await world.link.waitFor((m) => m.type === 'system_info', 'system_info', 10_000, mark);
    times.push(Number(process.hrtime.bigint() - start) / 1e6);
    await world.close();
  }
  return times;
}

/** One get_status after the other, with no more bookkeeping than it takes to know the answer. */
async function statusTimes(world, serverId) {
  const socket = world.link.socket;
  const times = [];
  let answered;
  const listen = (data) => {
    if (data.includes(`"id":"bench-${lastId}"`)) answered();
  };
  socket.on('message', listen);
  for (let i = 0; i < kSamples; ++i) {
    world.link.expectResponse(`bench-${lastId + 1}`, 'get_status');
    const message = JSON.stringify({ id: `bench-${++lastId}`, type: 'command', action: 'get_status', serverId });
    const start = process.hrtime.bigint();
    await new Promise((resolve) => {
      answered = resolve;
      socket.send(message);
    });
    times.push(Number(process.hrtime.bigint() - start) / 1e3);
  }
  socket.off('message', listen);
  return times;
}

/** As many servers as wanted, a few at a time, as they are adopted. */
async function runMany(world, count, fields) {
  const ids = Array.from({ length: count }, (_, i) => `bench-${fields.tag}-${i}`);
  for (let i = 0; i < count; i += 4) {
    const commands = ids.slice(i, i + 4).map((id) =>
      world.link.command('create_server', id, World.payload({ startup: fields.startup, start: true })));
    await Promise.all(commands.map((command) => command.done(60_000)));
  }
  return ids;
}

async function statusUnderStops() {
  const world = await World.open();
  const [watched] = await runMany(world, 1, { tag: 'watched', startup: programs.graceful });
  const stubborn = await runMany(world, kPendingStops, { tag: 'stubborn', startup: programs.stubborn });
  await statusTimes(world, watched);
  const idle = [];
  const busy = [];
  // Rounds in turn, so that what drifts on this machine drifts for both.
  for (let round = 0; round < 2; ++round) {
    idle.push(...await statusTimes(world, watched));
    const stops = stubborn.map((id) => world.link.command('stop_server', id, { timeout: 3600 }));
    await Promise.all(stops.map((stop) => stop.accepted()));
    busy.push(...await statusTimes(world, watched));
    const kills = stubborn.map((id) => world.link.command('kill_server', id));
    await Promise.all(kills.map((kill) => kill.done(60_000)));
    const starts = stubborn.map((id) => world.link.command('start_server', id));
    await Promise.all(starts.map((start) => start.done(60_000)));
  }
  for (const part of [0.5, 0.99])
    row(`get_status through agent and WebSocket, p${part * 100}: ${kPendingStops} stops pending against idle`,
      `${percentile(busy, part).toFixed(0)} us`, `${percentile(idle, part).toFixed(0)} us`,
      (percentile(busy, part) / percentile(idle, part)).toFixed(2), part === 0.99 ? 'at most 1.5' : '');
  await world.close();
}

async function memory() {
  const world = await World.open();
  const idle = await settledPss(world.agent.pid);
  row('agent, idle: PSS', `${idle.toFixed(1)} MB`, '', '', 'at most 12 MB');
  const ids = await runMany(world, kServers, { tag: 'many', startup: programs.graceful });
  await until('all running', async () =>
    (await world.link.command('list_servers').result()).servers.length >= ids.length);
  const full = await settledPss(world.agent.pid);
  row(`agent with ${kServers} mock servers: PSS on top`, `${(full - idle).toFixed(1)} MB`, '', '', 'at most 4 MB');
  await world.close();
}

const times = await startTimes();
row('agent, from exec to `system_info`, p50', `${percentile(times, 0.5).toFixed(0)} ms`, '', '', 'at most 150 ms');
await statusUnderStops();
await memory();
