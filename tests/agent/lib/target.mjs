// Which engine this run tests the agent on, from the environment.
//   E2E_ENGINE   mock (default), docker or podman
//   E2E_RUNTIME  URI of the engine; for docker else CONTROL_TEST_DOCKER, else the file that
//                CONTROL_TEST_DOCKER_FILE names; likewise for podman
//   E2E_IMAGE    image of the servers: anything on the mock; on a real engine one with busybox in it

import fs from 'node:fs';
import { it } from 'node:test';
import { Engine } from './engine.mjs';

function realUri(kind) {
  const variable = `CONTROL_TEST_${kind.toUpperCase()}`;
  const file = process.env[`${variable}_FILE`];
  const uri = process.env.E2E_RUNTIME || process.env[variable] || (file && fs.readFileSync(file, 'utf8').trim());
  if (!uri) throw new Error(`no engine: set ${variable}=${kind}:///path/${kind}.sock (tests/engines/README.md)`);
  return uri;
}

const kind = process.env.E2E_ENGINE ?? 'mock';
if (!['mock', 'docker', 'podman'].includes(kind)) {
  throw new Error(`E2E_ENGINE is '${kind}': use mock, docker or podman`);
}
const real = kind !== 'mock';
const runtime = real ? realUri(kind) : process.env.E2E_RUNTIME ?? 'mock:///default';

export const target = {
  kind,
  runtime,
  real,
  // Podman calls it by the whole name when asked.
  image: process.env.E2E_IMAGE ??
    { docker: 'control-test:latest', podman: 'localhost/control-test:latest', mock: 'example/game:1' }[kind],
  /** A port of the host for one server: engines may be tested side by side, and it is none of those
   *  that the kernel gives to connections. */
  port: { docker: 27_915, podman: 27_916, mock: 27_917 }[kind],
  /** An image that is nowhere, and what asking for it must say. No network is needed to learn that. */
  missingImage: real ? '127.0.0.1:1/missing/game:1' : 'mock/missing:latest',
  engine: real ? new Engine(new URL(runtime).pathname, kind === 'podman' ? '/v4.0.0/libpod/containers/json' : undefined) : null,
};

/** A test of what only a real engine has: there is none of it on the mock, so none that cannot fail. */
export const itOnReal = real ? it : () => {};

/** A test that a sanitizer's own memory, or its view of foreign libraries, would make fail. */
export const itAsShipped = process.env.E2E_SANITIZED === '1' ? () => {} : it;

/** One that keeps this process so busy that others beside it, which wait for a real engine, starve. */
export const itBusily = real ? () => {} : itAsShipped;

/** A test that needs what only the mock engine can be told to do. */
export const itOnMock = real ? () => {} : it;
