// Consoles: every line once and in order, whatever happens to the agent; commands to stdin; floods.

import assert from 'node:assert/strict';
import { it } from 'node:test';
import { itOnReal, target } from '../lib/target.mjs';
import { pause, slowness, until } from '../lib/wait.mjs';
import { inWorld, programs } from '../lib/world.mjs';

/** Prints 1 to `last`, some at a time, then waits for the end. */
const counting = (last, rest = 0.4) =>
  `trap 'exit 0' TERM; i=0; while [ $i -lt ${last} ]; do i=$((i+1)); echo $i; [ $((i % 50)) -eq 0 ] && sleep ${rest};` +
  ' done; while :; do sleep 1 & wait $!; done';

/** Says what it reads: on the mock engine as it came, in a shell so that a terminal's echo is not taken for it. */
const echoing = target.real ? 'while read line; do echo "got $line"; done; sleep 1000' : 'cat';
const got = (line) => (target.real ? `got ${line}` : line);

const logs = async (world, id, payload = { lines: 5000 }) =>
  world.link.command('get_server_logs', id, payload).result();
const texts = (answer) => answer.lines.map((l) => l.message);

/** The lines of a server that came as events, by number: the same number is the same line. */
function told(link, id) {
  const lines = new Map();
  for (const m of link.messages()) {
    if (m.type !== 'event' || m.event !== 'server_log' || m.data.serverId !== id) continue;
    const before = lines.get(m.data.seq);
    assert.ok(before === undefined || before === m.data.message, `two lines have the number ${m.data.seq}`);
    lines.set(m.data.seq, m.data.message);
  }
  return lines;
}

const untilLine = (world, id, message, ms = 20_000) => until(`line '${message}' of ${id}`,
  async () => texts(await logs(world, id, { lines: 1 })).includes(message), ms);

/** `world()` gives the world that these tests share. */
export function consoleScenarios(world) {
  for (const tty of [true, false]) {
    const kind = tty ? 'a terminal' : 'no terminal';
    it(`a server with ${kind} reads what is sent and its lines come back`, async () => {
      const id = await world().run('echo', { startup: echoing, tty });
      for (const word of ['one', 'two', 'three']) {
        const answer = await world().link.command('send_command', id, { command: `say ${word}` }).result();
        assert.equal(answer.sent, true);
      }
      const line = await world().link.event('server_log', (d) => d.serverId === id && d.message === got('say three'));
      assert.equal(line.stream, tty ? 'console' : 'stdout');
      const given = texts(await logs(world(), id)).filter((text) => text.startsWith(got('')));
      // A terminal of the mock engine shows what is typed too.
      assert.deepEqual([...new Set(given)], ['say one', 'say two', 'say three'].map(got));
    });
  }

  it('a command may not hold a second one', async () => {
    const id = await world().run('injection', { startup: echoing, tty: false });
    for (const command of ['say hi\nstop', 'say hi\rstop', '\nstop', 'x\u0003']) {
      const why = await world().link.command('send_command', id, { command }).refused('INVALID_PAYLOAD');
      assert.match(why, /payload\.command holds a (line break|control character)/);
    }
    await world().link.command('send_command', id, { command: 'last\n' }).result();
    await untilLine(world(), id, got('last'));
    assert.deepEqual(texts(await logs(world(), id)), [got('last')]);
  });

  it('the document\'s server_command is sent, and server_output tells what comes back', async () => {
    const id = await world().run('legacy', { startup: echoing, tty: false });
    world().link.send({ type: 'server_command', data: { serverId: id, command: 'hello' } });
    const output = await world().link.waitFor(
      (m) => m.type === 'server_output' && m.data.serverId === id && m.data.output.includes(got('hello')), 'server_output');
    assert.equal(output.data.stream, 'stdout');
  });

  it('lines are found by text and by expression, and asked for by number', async () => {
    const id = await world().run('search', {
      startup: 'echo "[INFO] Ann joined"; echo "[WARN] lag"; echo "[INFO] Bob left"; sleep 1000', tty: false });
    await untilLine(world(), id, '[INFO] Bob left');
    assert.deepEqual(texts(await logs(world(), id, { search: 'ann' })), ['[INFO] Ann joined']);
    assert.deepEqual(texts(await logs(world(), id, { search: '(joined|left)$', regex: true })),
      ['[INFO] Ann joined', '[INFO] Bob left']);
    assert.deepEqual(texts(await logs(world(), id, { since: 1, lines: 1 })), ['[WARN] lag']);
  });

  it('what a run wrote is there after it, and lines go on with the next', async () => {
    const id = await world().create('runs', { startup: 'echo begun; sleep 0.5; exit 3', tty: false });
    await world().start(id);
    await world().link.event('server_status_changed', (d) => d.serverId === id && d.currentStatus === 'failed');
    await until('the first run', async () => texts(await logs(world(), id)).length === 1);
    await world().start(id);
    await until('the second run', async () => texts(await logs(world(), id)).length === 2);
    const answer = await logs(world(), id);
    assert.deepEqual(answer.lines.map((l) => [l.seq, l.message]), [[1, 'begun'], [2, 'begun']]);
  });

  itOnReal('a command that nobody reads fails in time and holds up nobody', async () => {
    const id = await world().run('deaf', { startup: 'sleep 1000', tty: false });
    const other = await world().run('listens', { startup: echoing, tty: false });
    const command = 'x'.repeat(4000);
    const answers = [];
    let full = null;
    while (full === null && answers.length < 2000) {
      const batch = Array.from({ length: 20 }, () => world().link.command('send_command', id, { command }));
      for (const one of batch) {
        const response = await one.response(60_000);
        answers.push(response);
        if (!response.success) full ??= response.error;
        if (full !== null) break;
      }
    }
    assert.equal(full?.code, 'TIMEOUT', JSON.stringify(full));
    assert.match(full.message, /does not read its stdin/);
    const began = Date.now();
    await world().link.command('send_command', other, { command: 'still here' }).result();
    assert.ok(Date.now() - began < 2_000 * slowness, `took ${Date.now() - began} ms`);
    await untilLine(world(), other, 'got still here');
  });

  itOnReal('bytes that are no text, and lines without end, are shown as far as they can be', async () => {
    const id = await world().run('binary', {
      startup: 'printf "a\\377z\\n"; head -c 40000 /dev/zero | tr "\\0" x; echo; echo end; sleep 1000', tty: false });
    await untilLine(world(), id, 'end');
    const { lines } = await logs(world(), id);
    assert.equal(lines[0].message, 'a\ufffdz');
    assert.deepEqual(lines.slice(1, 4).map((l) => [l.message.length, l.cut ?? false]),
      [[16384, true], [16384, true], [40000 - 2 * 16384, false]]);
  });

  // In a world of its own: whoever waits for a message looks through all of them.
  itOnReal('a server that prints without end does not hold up another', () => inWorld({}, async (own) => {
    const loud = await own.run('loud', { startup: 'trap "exit 0" TERM; while :; do echo "a line of a flood"; done', tty: false });
    const quiet = await own.run('quiet', { startup: echoing, tty: false });
    await own.link.event('server_log', (d) => d.serverId === loud);
    const times = [];
    for (let i = 0; i < 20; i++) {
      const began = performance.now();
      await own.link.command('get_status', quiet).result();
      times.push(performance.now() - began);
      await own.link.command('send_command', quiet, { command: String(i) }).result();
    }
    await own.link.event('server_log', (d) => d.serverId === quiet && d.message === 'got 19');
    times.sort((a, b) => a - b);
    assert.ok(times[10] < 250 * slowness, `get_status took ${times.map(Math.round)} ms`);
    await own.link.command('kill_server', loud).done();
  }));

  for (const tty of [true, false]) {
    itOnReal(`every line comes once through kill -9 of the agent, with${tty ? '' : 'out'} a terminal`, () => inWorld({}, async (own) => {
      const kLines = 1000;
      const id = await own.run('count', { startup: counting(kLines), tty });
      for (let kills = 1; kills <= 3; kills++) {
        const before = own.link.messages().filter((m) => m.event === 'server_log').length;
        const now = () => own.link.messages().filter((m) => m.event === 'server_log').length;
        await until('more lines', () => now() > before + 50 || told(own.link, id).has(kLines));
        // On a slow machine all may have been printed by then.
        if (kills > 1 && told(own.link, id).has(kLines)) break;
        own.link.lossy = true;
        await own.agent.kill('SIGKILL');
        own.agent.start();
        await own.greeted(kills + 1, 20_000);
      }
      await untilLine(own, id, String(kLines), 60_000);
      const answer = await logs(own, id);
      assert.deepEqual(texts(answer), Array.from({ length: kLines }, (_, i) => String(i + 1)));
      await until('all events', () => told(own.link, id).has(kLines));
      for (const [seq, message] of told(own.link, id)) assert.equal(message, String(seq));
    }));
  }

  itOnReal('half a minute of SIGSTOP, while servers print and end: no line and no end is missed', () => inWorld({}, async (own) => {
    const kLines = 1000;
    const printing = await own.run('prints', { startup: counting(kLines, 1), tty: false });
    const ending = await own.run('ends', { startup: 'echo begun; sleep 3; echo over; exit 7', tty: false });
    const staying = await own.run('stays', { startup: programs.stubborn, tty: false });
    const process_ = (await target.engine.inspect(staying)).State;
    own.link.lossy = true;
    process.kill(own.agent.pid, 'SIGSTOP');
    await pause(30_000);
    process.kill(own.agent.pid, 'SIGCONT');
    await until('connection', () => own.link.socket !== null, 30_000);
    await until('the end that it slept through', async () => {
      const status = await own.link.status(ending);
      return status.status === 'failed' && status.exitCode === 7;
    }, 2_000);
    await untilLine(own, ending, 'over');
    assert.deepEqual(texts(await logs(own, ending)), ['begun', 'over']);
    await untilLine(own, printing, String(kLines), 30_000);
    assert.deepEqual(texts(await logs(own, printing)), Array.from({ length: kLines }, (_, i) => String(i + 1)));
    const { Pid, StartedAt } = (await target.engine.inspect(staying)).State;
    assert.deepEqual([Pid, StartedAt], [process_.Pid, process_.StartedAt]);
  }));
}
