// What a storm lets happen to the panel, the agent, the engine and the servers. Each returns when it
// is over: everything answers again, and the link is up.

import { pause, until } from './wait.mjs';
import { target } from './target.mjs';

async function connected({ link }) {
  await until('connection', () => link.socket !== null, 30_000);
}

async function agentGoneAndBack(storm, end) {
  await end();
  await until('the end of its connection', () => storm.link.socket === null);
  storm.world.agent.start();
  await connected(storm);
}

async function engineGoneAndBack(storm, signal) {
  await storm.engine.end(signal);
  await storm.blow(300 + storm.random() * 1500, 20);
  await storm.engine.start();
}

const all = {
  'kill -9 of the agent': (storm) => agentGoneAndBack(storm, () => storm.world.agent.kill('SIGKILL')),
  'restart of the agent': (storm) => agentGoneAndBack(storm, () => storm.world.agent.stop()),

  async 'SIGSTOP of the agent'(storm) {
    process.kill(storm.world.agent.pid, 'SIGSTOP');
    await pause(200 + storm.random() * 1500);
    process.kill(storm.world.agent.pid, 'SIGCONT');
  },

  async 'reset connection'(storm) {
    const lost = storm.link.socket;
    lost?._socket?.resetAndDestroy();
    // The next one may be there before anybody has seen that there was none.
    await until('the end of the connection', () => storm.link.socket !== lost || lost === null);
    await connected(storm);
  },

  async 'panel gone'(storm) {
    await storm.world.panel.stop();
    await pause(storm.random() * 1000);
    await storm.world.panel.listen();
    await connected(storm);
  },

  /** What runs in a server is killed behind everybody's back. */
  async 'crash of a server'(storm) {
    const ids = await Promise.all(storm.servers.map(async (id) => [id, (await target.engine.inspect(id))?.State]));
    const running = ids.filter(([, state]) => state?.Running);
    if (running.length === 0) return;
    const [id, state] = storm.pick(running);
    storm.crashed(id, { killed: true });
    try {
      process.kill(state.Pid, 'SIGKILL');
    } catch {
      // a command ended it this moment
    }
  },

  async 'SIGSTOP of the engine'(storm) {
    storm.engine.signal('SIGSTOP');
    try {
      await storm.blow(storm.nextFreeze ?? 1000 + storm.random() * 3000, 20);
    } finally {
      storm.engine.signal('SIGCONT');
    }
    storm.nextFreeze = undefined;
  },

  'kill -9 of the engine': (storm) => engineGoneAndBack(storm, 'SIGKILL'),
  'restart of the engine': (storm) => engineGoneAndBack(storm, 'SIGTERM'),
};

const kGentle = ['SIGSTOP of the agent', 'reset connection', 'panel gone'];
const kOfAgent = ['kill -9 of the agent', 'restart of the agent'];
const kOfEngine = ['SIGSTOP of the engine', 'kill -9 of the engine', 'restart of the engine'];

/** Those that can happen here: the mock engine ends with the agent, and its servers with it. */
export function possibleFaults(storm) {
  if (!target.real) return kGentle;
  return [...kOfAgent, ...kGentle, 'crash of a server', ...(storm.engine ? kOfEngine : [])];
}

export async function happen(storm, name) {
  storm.faults[name] = (storm.faults[name] ?? 0) + 1;
  storm.link.lossy = true;
  await all[name](storm);
}
