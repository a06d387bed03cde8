// What consoles cost, on a real engine: how fast a flood is read, beside a client that reads the engine's
// log stream and throws it away, and what 100 floods do to get_status and to memory. Prints a table.
//
//   E2E_ENGINE=docker CONTROL_TEST_DOCKER=docker:///… AGENT_BINARY=… PLUGIN_DIR=… node tests/bench/console_bench.mjs [servers]

import { spawn } from 'node:child_process';
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { target } from '../agent/lib/target.mjs';
import { pause } from '../agent/lib/wait.mjs';
import { World } from '../agent/lib/world.mjs';

const kServers = Number(process.argv[2] ?? 100);
const kLine = 'a line of a flood, about as long as the lines of games are [12:34:56 INFO]';
const flood = `yes '${kLine}'`;
const kPrinter = `${flood} | head -c 200000000`;

const row = (...cells) => console.log(`| ${cells.join(' | ')} |`);
const percentile = (values, part) => [...values].sort((a, b) => a - b)[Math.floor(part * (values.length - 1))];

function residentMb(pid) {
  return Number(fs.readFileSync(`/proc/${pid}/status`, 'utf8').match(/^VmRSS:\s+(\d+) kB/m)[1]) / 1024;
}

const lastSeq = async (world, id) =>
  (await world.link.command('get_server_logs', id, { lines: 1 }).result(30_000)).lastSeq;

/** Without remembering the floods' events. */
function forgetLines(world) {
  const record = world.link.record.bind(world.link);
  world.link.record = (direction, text) => {
    if (!text.includes('"server_log') && !text.includes('"server_output"')) record(direction, text);
  };
  world.link.lossy = true;
}

const engineAsks = (method, path) => new Promise((resolve, reject) => {
  http.request({ socketPath: target.engine.socketPath, agent: false, method, path }, (response) => {
    let text = '';
    response.on('data', (data) => { text += data; });
    response.on('end', () => resolve(text && response.statusCode === 200 ? JSON.parse(text) : null));
  }).on('error', reject).end();
});

/** Seconds from the start of a server that prints 200 MB until its last line was read by the agent. */
async function readByAgent(world, id, start) {
  const first = await lastSeq(world, id);
  const began = performance.now();
  await start();
  let seen = { seq: first, at: began };
  while (performance.now() - seen.at < 2000 || seen.seq === first) {
    await pause(20);
    const seq = await lastSeq(world, id);
    if (seq !== seen.seq) seen = { seq, at: performance.now() };
  }
  return { seconds: (seen.at - began) / 1000, lines: seen.seq - first };
}

/** The same for a client that follows the engine's log stream from the same moment and throws it away. */
async function readByClient(name, start) {
  const since = (Date.now() / 1000).toFixed(3);
  const began = performance.now();
  await start();
  const client = spawn('curl', ['-sN', '--unix-socket', target.engine.socketPath, '-o', '/dev/null', '-w', '%{size_download}',
    `http://engine/containers/${name}/logs?stdout=1&stderr=1&timestamps=1&follow=1&since=${since}`]);
  let size = '';
  client.stdout.on('data', (data) => { size += data; });
  await new Promise((resolve) => client.on('close', resolve));
  return { seconds: (performance.now() - began) / 1000, lines: Math.round(Number(size) / (kLine.length + 1 + 8 + 31)) };
}

async function drained() {
  const world = await World.open({});
  forgetLines(world);
  const id = await world.create('flood', { startup: kPrinter, tty: false, limits: { memory: '64m' } });
  const name = `ctrl-alt-play-${id}`;
  const rates = { ours: [], theirs: [] };
  const rate = ({ seconds, lines }) => lines / seconds;
  for (let i = 0; i < 3; i++) {
    rates.ours.push(rate(await readByAgent(world, id, () => world.link.command('start_server', id).done(60_000))));
    // Without the agent: who reads at the same time takes of the same processors.
    await world.agent.stop();
    rates.theirs.push(rate(await readByClient(name, () => engineAsks('POST', `/containers/${name}/start`))));
    world.agent.start();
    await world.greeted(i + 2);
  }
  const [ours, theirs] = [rates.ours, rates.theirs].map((values) => percentile(values, 0.5));
  row('lines of one flooding server read a second', Math.round(ours), Math.round(theirs), (ours / theirs).toFixed(2),
    'at least 0.90');
  await world.close().catch((error) => console.error(error.message));
}

/** get_status of a quiet server among many that wait, and then flood all at once. */
async function many() {
  const world = await World.open({});
  forgetLines(world);
  const quiet = await world.run('quiet', { startup: 'sleep 10000', tty: false });
  const ids = [];
  const gated = `until [ -e go ]; do sleep 1; done; ${flood} | while read line; do echo "$line"; done`;
  for (let i = 0; i < kServers; i++) ids.push(await world.run(`flood${i}`, { startup: gated, tty: false }));
  const sample = async () => {
    const times = [];
    for (let i = 0; i < 500; i++) {
      const began = performance.now();
      await world.link.status(quiet);
      times.push(performance.now() - began);
      await pause(10);
    }
    return times;
  };
  const idle = residentMb(world.agent.pid);
  const calm = await sample();
  for (const id of ids) fs.writeFileSync(path.join(world.agent.dataDir, id, 'go'), '');
  await pause(5000);
  const times = await sample();
  for (const part of [0.5, 0.99])
    row(`get_status with ${kServers} flooding servers against as many quiet ones, p${part * 100}`,
      `${percentile(times, part).toFixed(2)} ms`, `${percentile(calm, part).toFixed(2)} ms`, '', part === 0.99 ? 'under 5 ms' : '');
  row('memory of the agent: flooding against quiet', `${residentMb(world.agent.pid).toFixed(1)} MB`, `${idle.toFixed(1)} MB`,
    '', `quiet and ${kServers} rings of 0.25 MB`);
  await world.close().catch((error) => console.error(error.message));
}

/** Seconds from the start of a server that prints 200 MB to its end, as the engine says. */
async function runTime(name, start) {
  const before = (await engineAsks('GET', `/containers/${name}/json`)).State.StartedAt;
  await start();
  for (;;) {
    const { State: state } = await engineAsks('GET', `/containers/${name}/json`);
    if (state.StartedAt !== before && state.Status === 'exited') return (Date.parse(state.FinishedAt) - Date.parse(state.StartedAt)) / 1000;
    await pause(50);
  }
}

/** What a server's own output loses when the agent or the panel stands still, and to being read at all. */
async function slowed() {
  const world = await World.open({});
  forgetLines(world);
  const id = await world.create('printer', { startup: kPrinter, tty: false });
  const name = `ctrl-alt-play-${id}`;
  const start = () => world.link.command('start_server', id).done(60_000);
  const socket = world.link.socket._socket;
  const frozen = (freeze, thaw) => runTime(name, async () => {
    await start();
    freeze();
  }).finally(thaw);
  const agent = () => frozen(() => process.kill(world.agent.pid, 'SIGSTOP'), () => process.kill(world.agent.pid, 'SIGCONT'));
  const panel = () => frozen(() => socket.pause(), () => socket.resume());
  const read = () => frozen(() => {}, () => {});
  const times = { agent: [], panel: [], read: [], alone: [] };
  for (let i = 0; i < 5; i++) {
    for (const [who, run] of Object.entries({ agent, panel, read })) {
      times[who].push(await run());
      await pause(500);
    }
  }
  await world.agent.stop();
  for (let i = 0; i < 5; i++) times.alone.push(await runTime(name, () => engineAsks('POST', `/containers/${name}/start`)));
  const median = (who) => percentile(times[who], 0.5);
  const compare = (what, who, withWhat, other, goal) =>
    row(`a server prints 200 MB ${what}, p50`, `${median(who).toFixed(2)} s`, `${median(other).toFixed(2)} s ${withWhat}`,
      (median(who) / median(other)).toFixed(2), goal);
  compare('while the agent stands still', 'agent', 'without an agent', 'alone', 'at most 1.05');
  compare('while the panel stands still', 'panel', 'with one that reads', 'read', 'at most 1.05');
  compare('while all of it is read', 'read', 'without an agent', 'alone', '');
  await world.close().catch((error) => console.error(error.message));
}

console.log('| what | ours | against | ratio | goal |\n|---|---|---|---|---|');
await drained();
await slowed();
await many();
process.exit(0);
