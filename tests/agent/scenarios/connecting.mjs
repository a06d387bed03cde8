// How a connection is made, refused and protected.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { it } from 'node:test';
import { Panel } from '../lib/panel.mjs';
import { pause, until } from '../lib/wait.mjs';
import { World } from '../lib/world.mjs';

/** A world at `panel`, which is not expected to be connected at once. */
async function atPanel(panel, settings, body) {
  const world = await World.open({ panel, settings, connect: false });
  const failures = [];
  try {
    await body(world);
  } catch (error) {
    failures.push(new Error(`${error.message}\n${world.agent.tail()}`, { cause: error }));
  }
  await world.close().catch((error) => failures.push(error));
  if (failures.length > 0) throw failures[0];
}

/** A certificate for `host`, signed by an authority of its own. */
function certificate(directory, host) {
  const file = (name) => path.join(directory, `${host}-${name}`);
  const openssl = (...args) => execFileSync('openssl', args, { stdio: 'pipe' });
  openssl('req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=Test authority',
    '-keyout', file('ca.key'), '-out', file('ca.pem'));
  openssl('req', '-newkey', 'rsa:2048', '-nodes', '-subj', `/CN=${host}`, '-keyout', file('key'), '-out', file('csr'));
  fs.writeFileSync(file('ext'), `subjectAltName=DNS:${host}\n`);
  openssl('x509', '-req', '-in', file('csr'), '-CA', file('ca.pem'), '-CAkey', file('ca.key'), '-CAcreateserial',
    '-days', '2', '-extfile', file('ext'), '-out', file('pem'));
  return { ca: file('ca.pem'), tls: { key: fs.readFileSync(file('key')), cert: fs.readFileSync(file('pem')) } };
}

const kSecret = 'connecting-secret-0123456789';

export function connectingScenarios() {
  it('wss:// works with an authority it was told of, and with no other and no other host', async () => {
    const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'agent-e2e-tls-'));
    try {
      const good = certificate(directory, 'localhost');
      const foreign = certificate(directory, 'panel.example.org');
      const panel = await Panel.start({ secret: kSecret, tls: good.tls });
      await atPanel(panel, { PANEL_CA_FILE: good.ca }, async (world) => {
        await world.greeted();
        assert.equal(panel.attempts[0].headers.authorization, `Bearer ${kSecret}`);
      });
      const refused = async (tls, settings) => {
        const other = await Panel.start({ secret: kSecret, tls });
        await atPanel(other, settings, async (world) => {
          const health = await until('certificate refused', async () => {
            const answer = await world.agent.health();
            return answer.reasons?.some((r) => /certificate|verif/i.test(r)) && answer;
          });
          assert.equal(health.code, 503);
          assert.equal(other.attempts.length, 0, 'the secret was sent');
        });
      };
      await refused(good.tls, {});
      await refused(good.tls, { PANEL_CA_FILE: foreign.ca });
      await refused(foreign.tls, { PANEL_CA_FILE: foreign.ca });
    } finally {
      fs.rmSync(directory, { recursive: true });
    }
  });

  it('a redirect is not followed with the secret', async () => {
    const elsewhere = await Panel.start({ secret: kSecret });
    const panel = await Panel.start({ secret: kSecret, refuse: () => `302 Found\r\nLocation: ${elsewhere.url}/\r\n` });
    await atPanel(panel, {}, async (world) => {
      await until('attempts', () => panel.attempts.length >= 2);
      assert.ok(world.agent.running);
      assert.equal(elsewhere.attempts.length, 0);
    });
    await elsewhere.stop();
  });

  it('a panel that asks for patience by Retry-After gets it', async () => {
    const panel = await Panel.start({ secret: kSecret, refuse: (attempt) =>
      (panel.attempts.length === 1 ? '503 Service Unavailable\r\nRetry-After: 4\r\n' : undefined) });
    await atPanel(panel, {}, async (world) => {
      await until('connection', () => world.link.connections === 1, 15_000);
      const passed = panel.attempts[1].at - panel.attempts[0].at;
      assert.ok(passed >= 3_900, `tried again after ${passed} ms`);
    });
  });

  it('a panel that answers nonsense, or nothing, is tried again', async () => {
    const answers = ['200 OK\r\n', '101 Switching Protocols\r\n', '101 Switching Protocols\r\nUpgrade: websocket\r\n' +
      'Connection: Upgrade\r\nSec-WebSocket-Accept: bm90IHRoZSByaWdodCBvbmU=\r\n', '500 \u0001\r\n'];
    const panel = await Panel.start({ secret: kSecret, refuse: () => answers[panel.attempts.length - 1] });
    await atPanel(panel, {}, async (world) => {
      await until('connection', () => world.link.connections === 1, 40_000);
      assert.equal(panel.attempts.length, answers.length + 1);
      await pause(100);
      assert.ok(world.agent.running);
    });
  });
}
