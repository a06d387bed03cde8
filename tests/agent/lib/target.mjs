// Which engine this run tests the agent on, from the environment.
//   E2E_ENGINE   mock (default) or docker
//   E2E_RUNTIME  URI of the engine; for docker else CONTROL_TEST_DOCKER, else the file that
//                CONTROL_TEST_DOCKER_FILE names
//   E2E_IMAGE    image of the servers: anything on the mock; on Docker one with busybox in it

import fs from 'node:fs';
import { it } from 'node:test';
import { Engine } from './engine.mjs';

function dockerUri() {
  const { E2E_RUNTIME, CONTROL_TEST_DOCKER, CONTROL_TEST_DOCKER_FILE } = process.env;
  const uri = E2E_RUNTIME || CONTROL_TEST_DOCKER ||
    (CONTROL_TEST_DOCKER_FILE && fs.readFileSync(CONTROL_TEST_DOCKER_FILE, 'utf8').trim());
  if (!uri) throw new Error('no engine: set CONTROL_TEST_DOCKER=docker:///path/docker.sock (tests/engines/README.md)');
  return uri;
}

const kind = process.env.E2E_ENGINE ?? 'mock';
if (!['mock', 'docker'].includes(kind)) throw new Error(`E2E_ENGINE is '${kind}': use mock or docker`);
const runtime = kind === 'docker' ? dockerUri() : process.env.E2E_RUNTIME ?? 'mock:///default';

export const target = {
  kind,
  runtime,
  docker: kind === 'docker',
  image: process.env.E2E_IMAGE ?? (kind === 'docker' ? 'control-test:latest' : 'example/game:1'),
  /** An image that is nowhere, and what asking for it must say. No network is needed to learn that. */
  missingImage: kind === 'docker' ? '127.0.0.1:1/missing/game:1' : 'mock/missing:latest',
  engine: kind === 'docker' ? new Engine(new URL(runtime).pathname) : null,
};

/** A test of what only a real engine has: there is none of it on the mock, so none that cannot fail. */
export const itOnDocker = target.docker ? it : () => {};

/** A test that needs what only the mock engine can be told to do. */
export const itOnMock = target.docker ? () => {} : it;
