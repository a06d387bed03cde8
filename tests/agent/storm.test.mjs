// Faults under load: lib/storm.mjs says what is held against the agent.
//   STORM_SEED        repeat a run
//   STORM_ROUNDS      rounds of commands with a fault in the middle (default 8; each fault once
//                     where the engine is broken as well)
//   STORM_MINUTES     as many rounds as this time holds, instead
//   STORM_KILLS=1     every second fault is kill -9 of the agent
//   STORM_BREAKS_ENGINE=1  the engine is frozen, killed and restarted too: one of tests/engines that
//                     nobody else uses

import assert from 'node:assert/strict';
import fs from 'node:fs';
import { it } from 'node:test';
import { possibleFaults } from './lib/faults.mjs';
import { Storm } from './lib/storm.mjs';
import { target } from './lib/target.mjs';
import { until } from './lib/wait.mjs';
import { inWorld } from './lib/world.mjs';

const setting = (name, otherwise) => Number(process.env[`STORM_${name}`] ?? otherwise);
const seed = setting('SEED', Math.floor(Math.random() * 2 ** 32));
const minutes = setting('MINUTES', 0);
const breaksEngine = process.env.STORM_BREAKS_ENGINE === '1';

/** Descriptors and threads that may be there just now: a question to the engine every few seconds. */
const kSpare = 2;

/**
 * What the agent keeps so many of, all there before memory is measured: the answers to 4,096 commands and
 * the ends of 4,096 that were accepted, of the kind that takes their places later. The answers of ten
 * minutes are more than that: in the second half of half an hour they are gone.
 */
async function fillWhatIsKept(storm) {
  const accepted = () => [...storm.entries.values()].filter(({ ended }) => ended?.type === 'event').length;
  while (accepted() < 4200) await storm.round(undefined, { rate: 300 });
  await storm.clear();
}

/** What the agent's process holds. */
class ProcessUse {
  constructor(agent) {
    this.agent = agent;
    this.points = [];
  }

  read(name) {
    return Number(fs.readFileSync(`/proc/${this.agent.pid}/status`, 'utf8').match(new RegExp(`${name}:\\s+(\\d+)`))[1]);
  }

  note() {
    this.points.push({ at: Date.now(), kb: this.read('VmRSS') });
  }

  now() {
    return { descriptors: fs.readdirSync(`/proc/${this.agent.pid}/fd`).length, threads: this.read('Threads') };
  }

  /** The least it holds within some seconds of quiet: a thread that has nothing to do ends after five. */
  async atRest() {
    const looks = [];
    await until('rest', () => looks.push(this.now()) >= 70, 60_000, 100);
    const least = (kind) => Math.min(...looks.map((look) => look[kind]));
    return { descriptors: least('descriptors'), threads: least('threads') };
  }

  /** Whether it holds no more than then, when all is quiet as it was then. */
  async isBackTo(then) {
    const kinds = Object.keys(then);
    let now;
    await until('end of what faults left', () => {
      now = this.now();
      return kinds.every((kind) => now[kind] <= then[kind] + kSpare);
    }, 20_000).catch(() => {});
    const told = kinds.map((kind) => `${now[kind]} ${kind}, ${then[kind]} at first`).join('; ');
    console.log(told);
    for (const kind of kinds) assert.ok(now[kind] <= then[kind] + kSpare, told);
  }

  /** Growth over the second half, as a part of the whole, by least squares. */
  slope() {
    const points = this.points.slice(this.points.length >> 1);
    const mean = (of) => points.reduce((sum, p) => sum + of(p), 0) / points.length;
    const [t, kb] = [mean((p) => p.at), mean((p) => p.kb)];
    const steep = points.reduce((sum, p) => sum + (p.at - t) * (p.kb - kb), 0) /
      points.reduce((sum, p) => sum + (p.at - t) ** 2, 0);
    return steep * (points.at(-1).at - points[0].at) / kb;
  }
}

const what = minutes > 0 ? `${minutes} minutes of faults` : 'faults';
it(`survives ${what} under load on ${target.kind}, seed ${seed}`, () => inWorld({}, async (world) => {
  const storm = new Storm({ world, seed });
  await storm.open({ breaksEngine });
  try {
    await storm.watch();
    const faults = possibleFaults(storm);
    // All there is to allocate, start and open is there once.
    await storm.round();
    await storm.clear();
    const keepsAll = minutes >= 25 && !target.real;
    if (keepsAll) await fillWhatIsKept(storm);
    const use = new ProcessUse(world.agent);
    const atFirst = await use.atRest();
    const rounds = setting('ROUNDS', breaksEngine ? faults.length : 8);
    const end = Date.now() + minutes * 60_000;
    let told = Date.now();
    const goesOn = (i) => (minutes > 0 ? Date.now() < end : i < rounds);
    for (let i = 0; goesOn(i); ++i) {
      const fault = faults[i % faults.length];
      if (minutes > 0 && fault === 'SIGSTOP of the engine' && !storm.faults[fault]) storm.nextFreeze = 30_000;
      await storm.round(process.env.STORM_KILLS === '1' && i % 2 === 1 ? 'kill -9 of the agent' : fault);
      if (target.real && i % 10 === 9) await storm.quietly('kill -9 of the agent');
      if (minutes > 0) use.note();
      if (minutes > 0 && Date.now() - told > 60_000) {
        told = Date.now();
        console.log(`${Math.round((end - told) / 60_000)} minutes left: ${storm.summary()}`);
      }
    }
    await storm.clear();
    await use.isBackTo(atFirst);
    await storm.round();
    if (target.real) await storm.quietly('kill -9 of the agent');
    console.log(storm.summary());
    // Only a process that lived through all of it can show what it keeps.
    if (keepsAll) {
      console.log(`memory grew by ${(use.slope() * 100).toFixed(2)} %`);
      assert.ok(use.slope() < 0.01, `memory grew by ${use.slope() * 100} %`);
    }
  } catch (error) {
    error.message = `seed ${seed}: ${error.message}`;
    throw error;
  } finally {
    storm.close();
  }
}));
