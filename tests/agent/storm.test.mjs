// Faults under load: lib/storm.mjs says what is held against the agent.
//   STORM_SEED        repeat a run
//   STORM_ROUNDS      rounds of commands with a fault in the middle (default 8)
//   STORM_MINUTES     as many rounds as this time holds, instead
//   STORM_KILLS=1     every second fault is kill -9 of the agent
//   STORM_ENGINE_PID  the engine's process, which is frozen too; only for an engine of one's own

import assert from 'node:assert/strict';
import fs from 'node:fs';
import { it } from 'node:test';
import { Storm } from './lib/storm.mjs';
import { target } from './lib/target.mjs';
import { inWorld } from './lib/world.mjs';

const setting = (name, otherwise) => Number(process.env[`STORM_${name}`] ?? otherwise);
const seed = setting('SEED', Math.floor(Math.random() * 2 ** 32));
const minutes = setting('MINUTES', 0);
const rounds = minutes > 0 ? Infinity : setting('ROUNDS', 8);
const enginePid = setting('ENGINE_PID', 0);

/** In kB, from a point where all there is to allocate was allocated once. */
class MemoryWatch {
  constructor(agent) {
    this.agent = agent;
    this.points = [];
  }

  read(name) {
    return Number(fs.readFileSync(`/proc/${this.agent.pid}/status`, 'utf8').match(new RegExp(`${name}:\\s+(\\d+)`))[1]);
  }

  note() {
    this.points.push({ at: Date.now(), kb: this.read('VmRSS') });
    this.descriptors = fs.readdirSync(`/proc/${this.agent.pid}/fd`).length;
    this.threads = this.read('Threads');
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

const what = minutes > 0 ? `${minutes} minutes of faults` : `${rounds} faults`;
it(`survives ${what} under load on ${target.kind}, seed ${seed}`, () => inWorld({}, async (world) => {
  const storm = new Storm({ world, seed });
  await storm.open();
  try {
    const gentle = ['freezeAgent', 'cutConnection', 'silentPanel'];
    // The mock engine ends with the agent, and its servers with it.
    const faults = target.real ? [...gentle, 'killAgent', 'restartAgent'] : gentle;
    const memory = new MemoryWatch(world.agent);
    const end = Date.now() + minutes * 60_000;
    let told = Date.now();
    for (let i = 0; i < rounds && (minutes === 0 || Date.now() < end); ++i) {
      const fault = process.env.STORM_KILLS === '1' && i % 2 === 0 ? 'killAgent' : faults[i % faults.length];
      await storm.round(() => storm[fault]());
      if (enginePid && i % 4 === 3) await storm.round(() => storm.freezeEngine(enginePid));
      if (target.real && i % 10 === 9) await storm.quietly(() => storm.killAgent());
      if (minutes > 0) memory.note();
      if (minutes > 0 && Date.now() - told > 60_000) {
        told = Date.now();
        console.log(`${Math.round((end - told) / 60_000)} minutes left: ${storm.summary()}`);
      }
    }
    if (target.real) await storm.quietly(() => storm.killAgent());
    console.log(storm.summary());
    // Only a process that lived through all of it can show what it keeps.
    if (minutes >= 5 && !target.real) {
      console.log(`memory grew by ${(memory.slope() * 100).toFixed(2)} %, ${memory.descriptors} descriptors, ${memory.threads} threads`);
      assert.ok(memory.slope() < 0.01, `memory grew by ${memory.slope() * 100} %`);
    }
  } catch (error) {
    error.message = `seed ${seed}: ${error.message}`;
    throw error;
  } finally {
    storm.close();
  }
}));
