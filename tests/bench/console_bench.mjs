// What consoles cost, on a real engine: how fast a flood is read, beside a client that reads the engine's
// log stream and throws it away, and what 100 floods do to get_status and to memory. Prints a table.
//
//   E2E_ENGINE=docker CONTROL_TEST_DOCKER=docker:///… AGENT_BINARY=… PLUGIN_DIR=… node tests/bench/console_bench.mjs [servers]

import fs from 'node:fs';
import http from 'node:http';
import { target } from '../agent/lib/target.mjs';
import { pause } from '../agent/lib/wait.mjs';
import { World } from '../agent/lib/world.mjs';

const kServers = Number(process.argv[2] ?? 100);
const kSeconds = 5;
const kLine = 'a line of a flood, about as long as the lines of games are [12:34:56 INFO]';
const flood = (pausing = '') => `yes '${kLine}'${pausing}`;

const row = (...cells) => console.log(`| ${cells.join(' | ')} |`);
const percentile = (values, part) => [...values].sort((a, b) => a - b)[Math.floor(part * (values.length - 1))];

function residentMb(pid) {
  return Number(fs.readFileSync(`/proc/${pid}/status`, 'utf8').match(/^VmRSS:\s+(\d+) kB/m)[1]) / 1024;
}

/** Lines a second that a client gets that does nothing with them, from now on. */
function rawRate(id) {
  const bytesPerLine = kLine.length + 1 + 8 + '2026-01-02T03:04:05.678901234Z '.length;
  const since = (Date.now() / 1000).toFixed(3);
  return new Promise((resolve, reject) => {
    let bytes = 0;
    const request = http.get({
      socketPath: target.engine.socketPath, agent: false,
      path: `/containers/ctrl-alt-play-${id}/logs?stdout=1&stderr=1&timestamps=1&follow=1&since=${since}`,
    }, (response) => {
      response.on('error', () => {});
      response.on('data', (data) => { bytes += data.length; });
      setTimeout(() => {
        const before = bytes;
        setTimeout(() => {
          request.destroy();
          resolve((bytes - before) / bytesPerLine / kSeconds);
        }, kSeconds * 1000);
      }, 1000);
    });
    request.on('error', reject);
  });
}

const lastSeq = async (world, id) =>
  (await world.link.command('get_server_logs', id, { lines: 1 }).result(30_000)).lastSeq;

async function agentRate(world, id) {
  const began = performance.now();
  const first = await lastSeq(world, id);
  await pause(kSeconds * 1000);
  const last = await lastSeq(world, id);
  return (last - first) / ((performance.now() - began) / 1000);
}

/** Without remembering the floods' events. */
function forgetLines(world) {
  const record = world.link.record.bind(world.link);
  world.link.record = (direction, text) => {
    if (!text.includes('"server_log') && !text.includes('"server_output"')) record(direction, text);
  };
  world.link.lossy = true;
}

async function drained() {
  const world = await World.open({});
  forgetLines(world);
  const id = await world.run('flood', { startup: flood(), tty: false, limits: { memory: '64m' } });
  await pause(2000);
  const agent = await agentRate(world, id);
  await world.agent.stop();
  const raw = await rawRate(id);
  row('lines of one flooding server read a second', Math.round(agent), Math.round(raw), (agent / raw).toFixed(2),
    'at least 0.90');
  await world.close().catch((error) => console.error(error.message));
}

async function many() {
  const world = await World.open({});
  forgetLines(world);
  const quiet = await world.run('quiet', { startup: 'sleep 10000', tty: false });
  const idle = residentMb(world.agent.pid);
  for (let i = 0; i < kServers; i++) {
    await world.run(`flood${i}`, { startup: flood(' | while read line; do echo "$line"; done'), tty: false });
  }
  await pause(3000);
  const times = [];
  for (let i = 0; i < 500; i++) {
    const began = performance.now();
    await world.link.status(quiet);
    times.push(performance.now() - began);
    await pause(10);
  }
  row(`get_status with ${kServers} flooding servers, p50`, `${percentile(times, 0.5).toFixed(2)} ms`, '', '', '');
  row('the same, p99', `${percentile(times, 0.99).toFixed(2)} ms`, '', '', 'under 5 ms');
  row('memory of the agent: flooding against idle', `${residentMb(world.agent.pid).toFixed(1)} MB`, `${idle.toFixed(1)} MB`,
    '', `idle and ${kServers} rings of 0.25 MB`);
  await world.close().catch((error) => console.error(error.message));
}

const engineAsks = (method, path) => new Promise((resolve, reject) => {
  http.request({ socketPath: target.engine.socketPath, agent: false, method, path }, (response) => {
    let text = '';
    response.on('data', (data) => { text += data; });
    response.on('end', () => resolve(text && response.statusCode === 200 ? JSON.parse(text) : null));
  }).on('error', reject).end();
});

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
  const id = await world.create('printer', { startup: `yes '${kLine}' | head -c 200000000`, tty: false });
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
