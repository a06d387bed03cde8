// A server that nobody gives a command: whatever happens to panel, agent and engine, it runs on.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { target } from './target.mjs';
import { until } from './wait.mjs';

/** Says when it is its turn: in a file ten times a second, on the console about once. */
const kBeats = 'while :; do read now rest </proc/uptime; case $now in *0) echo $now; esac; echo $now >>beats; ' +
  'sleep 0.1; done';
/** What a busy machine may keep it waiting, in seconds. Shorter than the longer freezes of an engine. */
const kLongestPause = 2.5;

export class Witness {
  static async start(world) {
    const witness = new Witness();
    witness.id = await world.run('witness', { startup: kBeats });
    witness.file = path.join(world.agent.dataDir, witness.id, 'beats');
    await until('beats', () => fs.existsSync(witness.file) && fs.statSync(witness.file).size > 20);
    witness.last = witness.beats()[0];
    witness.read = 1;
    witness.longest = 0;
    witness.process = await witness.present();
    return witness;
  }

  async present() {
    const info = await target.engine.inspect(this.id);
    return info && [info.State.Status, info.State.Pid, info.State.StartedAt];
  }

  /** In seconds since the machine was started. What it is writing just now is not told yet. */
  beats() {
    return fs.readFileSync(this.file, 'utf8').split('\n').slice(0, -1).map(Number);
  }

  /** That it is the same process, and was never held up. */
  async check() {
    assert.deepEqual(await this.present(), this.process, 'a server that nobody touched was stopped or frozen');
    const beats = this.beats();
    const now = Number(fs.readFileSync('/proc/uptime', 'utf8').split(' ')[0]);
    for (const at of [...beats.slice(this.read), now]) {
      this.longest = Math.max(this.longest, at - this.last);
      this.last = at;
    }
    this.read = beats.length;
    this.last = beats.at(-1);
    assert.ok(this.longest < kLongestPause, `a server was held up for ${this.longest.toFixed(1)} s`);
  }
}
