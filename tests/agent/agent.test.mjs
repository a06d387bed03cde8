// End-to-end tests: the agent as a process, a panel on `ws`, the engine that lib/target.mjs names.
// Scenarios run side by side; those that share an engine's time are kept from each other by names.

import { describe, it } from 'node:test';
import { target } from './lib/target.mjs';
import { World, runPrefix } from './lib/world.mjs';
import { actionScenarios } from './scenarios/actions.mjs';
import { configScenarios } from './scenarios/config.mjs';
import { connectingScenarios } from './scenarios/connecting.mjs';
import { consoleScenarios } from './scenarios/console.mjs';
import { documentScenarios } from './scenarios/document.mjs';
import { fileScenarios } from './scenarios/files.mjs';
import { hostileScenarios } from './scenarios/hostile.mjs';
import { httpScenarios } from './scenarios/http.mjs';
import { inputScenarios } from './scenarios/input.mjs';
import { legacyScenarios } from './scenarios/legacy.mjs';
import { messageScenarios } from './scenarios/messages.mjs';
import { outcomeScenarios, restartPolicyScenarios } from './scenarios/outcomes.mjs';
import { processScenarios } from './scenarios/process.mjs';
import { scarcityScenarios } from './scenarios/scarcity.mjs';
import { stoppingScenarios } from './scenarios/stopping.mjs';

const kTogether = Number(process.env.E2E_CONCURRENCY ?? 24);

describe(`agent on ${target.kind}`, { concurrency: 1 }, () => {
  let world;

  it('connects', async () => {
    world = await World.open({});
  });

  describe('side by side', { concurrency: kTogether }, () => {
    // The longest first: they wait for clocks.
    processScenarios();
    connectingScenarios();
    documentScenarios();
    messageScenarios();
    inputScenarios();
    consoleScenarios(() => world);
    stoppingScenarios(() => world);
    actionScenarios(() => world);
    outcomeScenarios(() => world);
    restartPolicyScenarios(() => world);
    legacyScenarios(() => world);
    fileScenarios(() => world);
    httpScenarios();
    configScenarios();
    scarcityScenarios();
    hostileScenarios();
  });

  it('kept every promise of the protocol in all that was said meanwhile', async () => {
    await world.close();
  });

  it('leaves nothing behind on the engine', async () => {
    await target.engine?.removeAll(runPrefix);
  });
});
