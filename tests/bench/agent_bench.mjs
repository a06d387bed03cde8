// What the agent costs, on the mock engine: start-up, adoption, memory, idling, commands in a pipeline, and
// get_status under pending stops.
// Prints rows of the table that engine_bench begins. Run by scripts/bench.sh.

import { spawn } from 'node:child_process';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import { pause, until } from '../agent/lib/wait.mjs';
import { World, programs } from '../agent/lib/world.mjs';

const { WebSocketServer } = createRequire(new URL('../agent/package.json', import.meta.url))('ws');

const kStarts = 15;
const kSamples = 3000;
const kPendingStops = 200;
const kServers = 200;
/** Threads that had work end after 5 s without, and what the start needed is given back 10 s after it. */
const kSettling = 13_000;
let lastId = 0;

const percentile = (values, part) => [...values].sort((a, b) => a - b)[Math.floor(part * (values.length - 1))];
const row = (...cells) => console.log(`| ${cells.join(' | ')} |`);

/** Proportional set size in MB: what would be free again if the process ended. */
function pssOf(pid) {
  const text = fs.readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
  return Number(text.match(/^Pss:\s+(\d+) kB/m)[1]) / 1024;
}

async function settledPss(pid) {
  await pause(kSettling);
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
async function statusTimes({ link }, serverId) {
  const socket = link.socket;
  const times = [];
  let answered;
  const listen = (data) => {
    if (data.includes(`"id":"bench-${lastId}"`)) answered();
  };
  socket.on('message', listen);
  for (let i = 0; i < kSamples; ++i) {
    link.expectResponse(`bench-${lastId + 1}`, 'get_status');
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

/** An engine in whose memory there are `count` servers of `nodeId` that run. */
function scenarioOf(count, nodeId) {
  const file = path.join(fs.mkdtempSync(path.join(os.tmpdir(), 'agent-bench-')), 'servers.json');
  const containers = Array.from({ length: count }, (_, i) => ({
    name: `ctrl-alt-play-s${i}`, image: 'example/game:1', running: true, command: ['sleep', '1000'],
    labels: { 'ctrl-alt-play.managed': 'true', 'ctrl-alt-play.server-id': `s${i}`, 'ctrl-alt-play.node': nodeId },
  }));
  fs.writeFileSync(file, JSON.stringify({ containers }));
  return file;
}

/** From exec to the last server of the greeting, what each server takes of memory, and how long one's get_status takes. */
async function adoption(count) {
  const nodeId = `bench-${count}`;
  const file = scenarioOf(count, nodeId);
  const times = [];
  let pss = 0;
  let status = 0;
  for (let i = 0; i < 5; ++i) {
    const world = await World.open({ connect: false, settings: { RUNTIME: `mock://${file}`, NODE_ID: nodeId } });
    const link = world.panel.link(nodeId);
    const start = process.hrtime.bigint();
    await until('the greeting', () =>
      link.messages().filter((m) => m.event === 'server_status').length >= count, 20_000, 1);
    times.push(Number(process.hrtime.bigint() - start) / 1e6);
    link.lossy = true;
    if (i === 4) {
      pss = await settledPss(world.agent.pid);
      status = percentile(await statusTimes({ link }, 's0'), 0.5);
    }
    await world.close();
  }
  fs.rmSync(path.dirname(file), { recursive: true });
  return { ms: percentile(times, 0.5), pss, status };
}

async function adoptions() {
  const few = await adoption(10);
  const some = await adoption(200);
  const many = await adoption(1000);
  row('exec to the greeting with 200 servers, against 10', `${some.ms.toFixed(0)} ms`, `${few.ms.toFixed(0)} ms`, '',
    'at most 100 ms more');
  const each = (a, b, n) => (b - a) * 1024 / n;
  row('memory of a server: 200 to 1,000 against 10 to 200', `${each(some.pss, many.pss, 800).toFixed(1)} kB`,
    `${each(few.pss, some.pss, 190).toFixed(1)} kB`,
    (each(some.pss, many.pss, 800) / each(few.pss, some.pss, 190)).toFixed(2), 'at most 1.15');
  row('get_status among 1,000 servers against 10, p50', `${many.status.toFixed(0)} us`, `${few.status.toFixed(0)} us`,
    (many.status / few.status).toFixed(2), 'at most 1.15');
}

/** The same messages to a peer of the same code that answers with the message itself, a second. */
async function echoes(count) {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
  await new Promise((resolve) => server.on('listening', resolve));
  const connected = new Promise((resolve) => server.on('connection', resolve));
  const peer = spawn(process.env.WS_ECHO, [`ws://127.0.0.1:${server.address().port}`], { stdio: 'ignore' });
  const socket = await connected;
  let answers = 0;
  let done;
  const finished = new Promise((resolve) => { done = resolve; });
  socket.on('message', () => { if (++answers === count) done(); });
  const start = process.hrtime.bigint();
  for (let i = 0; i < count; ++i) {
    socket.send(`{"id":"p${i}","type":"command","action":"list_servers"}`);
    if (i % 1000 === 999) await new Promise((resolve) => setImmediate(resolve));
  }
  await finished;
  const seconds = Number(process.hrtime.bigint() - start) / 1e9;
  peer.kill();
  server.close();
  return count / seconds;
}

/** Commands sent without waiting for answers. */
async function pipeline() {
  const kCommands = 200_000;
  const world = await World.open({ settings: { LOG_LEVEL: 'warning' } });
  const socket = world.link.socket;
  world.link.lossy = true;
  socket.removeAllListeners('message');
  let answers = 0;
  let done;
  const finished = new Promise((resolve) => { done = resolve; });
  socket.on('message', () => { if (++answers === kCommands) done(); });
  const start = process.hrtime.bigint();
  for (let i = 0; i < kCommands; ++i) {
    socket.send(`{"id":"p${i}","type":"command","action":"list_servers"}`);
    if (i % 1000 === 999) await new Promise((resolve) => setImmediate(resolve));
  }
  await finished;
  const seconds = Number(process.hrtime.bigint() - start) / 1e9;
  const echoed = await echoes(kCommands);
  row('commands in a pipeline, a second', `${(kCommands / seconds).toFixed(0)}`, `${echoed.toFixed(0)} echoes of \`ws_echo\``,
    `${Math.round(100 * kCommands / seconds / echoed)} %`, 'at least 100,000 and 60 %');
  await world.close().catch(() => {});
}

/** Processor time and wake-ups of an agent that has nothing to do but keep 200 servers. */
async function idling() {
  const nodeId = 'bench-idle';
  const file = scenarioOf(kServers, nodeId);
  const world = await World.open({ connect: false, settings: { RUNTIME: `mock://${file}`, NODE_ID: nodeId } });
  await until('connection', () => world.panel.link(nodeId).socket !== null);
  await pause(kSettling);
  const read = () => {
    const threads = fs.readdirSync(`/proc/${world.agent.pid}/task`);
    const of = (name) => threads.reduce((sum, id) =>
      sum + Number(fs.readFileSync(`/proc/${world.agent.pid}/task/${id}/status`, 'utf8').match(new RegExp(`${name}:\\s+(\\d+)`))[1]), 0);
    const cpu = fs.readFileSync(`/proc/${world.agent.pid}/stat`, 'utf8').split(') ')[1].split(' ');
    return { wakeUps: of('voluntary_ctxt_switches'), ticks: Number(cpu[11]) + Number(cpu[12]) };
  };
  const before = read();
  const kSeconds = 30;
  await pause(kSeconds * 1000);
  const after = read();
  row(`idle with ${kServers} servers: wake-ups a second`, ((after.wakeUps - before.wakeUps) / kSeconds).toFixed(2), '', '', 'at most 2');
  row(`idle with ${kServers} servers: part of a core`, `${((after.ticks - before.ticks) / kSeconds).toFixed(2)} %`, '', '', 'at most 0.1 %');
  row(`idle with ${kServers} servers: PSS`, `${pssOf(world.agent.pid).toFixed(1)} MB`, '', '', 'at most 10 MB');
  world.panel.link(nodeId).lossy = true;
  await world.close().catch(() => {});
  fs.rmSync(path.dirname(file), { recursive: true });
}

const times = await startTimes();
row('agent, from exec to `system_info`, p50', `${percentile(times, 0.5).toFixed(0)} ms`, '', '', 'at most 150 ms');
await adoptions();
await pipeline();
await idling();
await statusUnderStops();
await memory();
