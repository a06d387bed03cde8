// Files through the agent on the mock engine: up and down, against the same messages over `ws` alone,
// and a large directory. Prints rows of the table that engine_bench begins. Run by scripts/bench.sh.

import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { createRequire } from 'node:module';
import { promisify } from 'node:util';
import { pause } from '../agent/lib/wait.mjs';
import { World } from '../agent/lib/world.mjs';

const { WebSocket, WebSocketServer } = createRequire(new URL('../agent/package.json', import.meta.url))('ws');

const kPieces = 200;
const kPiece = 512 * 1024;
const kEntries = 100_000;
const kAhead = 4;  // pieces that are on their way at a time; one server's are done in their order

const row = (...cells) => console.log(`| ${cells.join(' | ')} |`);
const megabytes = (seconds) => kPieces * kPiece / 1e6 / seconds;
const percent = (part, whole) => `${Math.round(100 * part / whole)} %`;

const peakMegabytes = (pid) =>
  (fs.readFileSync(`/proc/${pid}/status`, 'utf8').match(/VmHWM:\s+(\d+)/)[1] / 1024).toFixed(0);

async function milliseconds(call) {
  const start = process.hrtime.bigint();
  await call();
  return Number(process.hrtime.bigint() - start) / 1e6;
}

/** Seconds that `each(0)` to `each(kPieces - 1)` take, kAhead of them at a time. */
async function timed(each) {
  let next = 0;
  return await milliseconds(() => Promise.all(Array.from({ length: kAhead }, async () => {
    while (next < kPieces) await each(next++);
  }))) / 1000;
}

/** What a panel does with such messages, and a peer that only answers them with one as long. */
async function loopback(content) {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
  await new Promise((resolve) => server.on('listening', resolve));
  const waiting = new Map();
  server.on('connection', (socket) => socket.on('message', (text) => {
    const message = JSON.parse(text);
    waiting.get(message.id)(message);
  }));
  const peer = new WebSocket(`ws://127.0.0.1:${server.address().port}`);
  await new Promise((resolve) => peer.on('open', resolve));
  const seconds = await timed((i) => new Promise((resolve) => {
    waiting.set(i, resolve);
    peer.send(JSON.stringify({ id: i, type: 'response', data: { content } }));
  }));
  peer.terminate();
  server.close();
  return seconds;
}

const world = await World.open();
const id = await world.create('files');
const root = path.join(world.agent.dataDir, id);
const ask = (action, payload) => world.link.command(action, id, payload).result(60_000);
const bytes = randomBytes(kPiece);
const content = bytes.toString('base64');

const plain = megabytes(await loopback(content));
fs.writeFileSync(path.join(root, 'down'), Buffer.concat(Array(kPieces).fill(bytes)));
const down = megabytes(await timed((i) => ask('download_file', { path: 'down', offset: i * kPiece })));
row('download through the agent, MB/s', down.toFixed(0), `${plain.toFixed(0)} \`ws\` on loopback`,
  percent(down, plain), '60 %');
const up = megabytes(await timed((i) => ask('upload_file', {
  path: 'up', offset: i * kPiece, content, last: i === kPieces - 1,
})));
row('upload through the agent, MB/s', up.toFixed(0), `${plain.toFixed(0)} \`ws\` on loopback`,
  percent(up, plain), '60 %');

fs.mkdirSync(path.join(root, 'many'));
for (let i = 0; i < kEntries; ++i) fs.closeSync(fs.openSync(path.join(root, 'many', `region.${i}.mca`), 'w'));
const times = [];
for (let i = 0; i < 5; ++i)
  times.push(await milliseconds(() => ask('list_files', { path: 'many', offset: i * 20_000, limit: 1000 })));
times.sort((a, b) => a - b);
row(`a page of 1,000 from a directory of ${kEntries}, ms`, times[2].toFixed(0), '', '', '200');
const listed = await milliseconds(async () => {
  for (let offset = 0; offset !== undefined;)
    offset = (await ask('list_files', { path: 'many', offset, limit: 5000 })).nextOffset;
});
row(`all of the ${kEntries}, one page after the other, ms`, listed.toFixed(0), '', '', '200');
row('memory of the agent at most, MB', peakMegabytes(world.agent.pid), '', '', '');
await world.close();

// Another agent, whose memory no other work has grown.
const measuring = await World.open();
const many = await measuring.create('million');
await promisify(execFile)('sh', ['-c', 'for d in $(seq 1000); do mkdir $d; (cd $d && seq 1000 | xargs touch); done'],
  { cwd: path.join(measuring.agent.dataDir, many) });
await measuring.start(many);
const known = async () => (await measuring.link.status(many)).resources?.disk?.usedBytes;
// Before the files it was measured empty.
const took = await milliseconds(async () => {
  while ((await known() ?? 0) < 1_000_000) await pause(100);
}) / 1000;
row('disk usage of 1,000,000 files: memory of the agent at most, MB', peakMegabytes(measuring.agent.pid), '', '', '64');
row('likewise: time, at 50,000 entries a second, s', took.toFixed(0), '', '', '');
await measuring.close();
