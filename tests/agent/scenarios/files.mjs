// Files of servers: what the panel writes is what the server finds, and the other way round.

import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { it } from 'node:test';
import { itOnReal } from '../lib/target.mjs';
import { until } from '../lib/wait.mjs';
import { uniqueId } from '../lib/world.mjs';

const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex');

/** `world()` gives the world that these tests share. */
export function fileScenarios(world) {
  const ask = (action, id, payload) => world().link.command(action, id, payload).result();

  it('files are written, listed, read, moved and deleted', async () => {
    const id = await world().create('files');
    await ask('write_file', id, { path: 'config/server.properties', content: 'motd=Grüße\n' });
    const listed = await ask('list_files', id, { path: '/config' });
    assert.deepEqual(listed.files.map((f) => [f.name, f.type, f.size]), [['server.properties', 'file', 13]]);
    assert.equal((await ask('get_file', id, { path: 'config/server.properties' })).content, 'motd=Grüße\n');
    await ask('rename_file', id, { path: 'config/server.properties', newName: 'old.properties' });
    await ask('delete_file', id, { path: 'config' });
    assert.equal((await ask('list_files', id, {})).total, 0);
    assert.deepEqual(fs.readdirSync(path.join(world().agent.dataDir, id)), []);
  });

  it('a large file goes up and down in pieces, unchanged', async () => {
    const id = await world().create('transfer');
    const whole = randomBytes(3_000_000);
    for (let offset = 0; offset < whole.length; offset += 524_288) {
      const piece = whole.subarray(offset, offset + 524_288);
      const answer = await ask('upload_file', id, {
        path: 'world.bin', offset, size: whole.length, content: piece.toString('base64'), sha256: sha256(whole),
      });
      assert.equal(answer.offset, offset + piece.length);
      assert.equal(answer.complete, offset + piece.length === whole.length);
    }
    const pieces = [];
    for (let offset = 0, version; ;) {
      const piece = await ask('download_file', id, { path: 'world.bin', offset, version });
      pieces.push(Buffer.from(piece.content, 'base64'));
      version = piece.version;
      offset += piece.length;
      if (piece.eof) break;
    }
    assert.equal(sha256(Buffer.concat(pieces)), sha256(whole));
  });

  it('nothing outside the server\'s directory is reached', async () => {
    const id = await world().create('confined');
    const other = await world().create('neighbour');
    const { dataDir } = world().agent;
    fs.writeFileSync(path.join(dataDir, other, 'secret'), 'secret');
    fs.symlinkSync(path.join(dataDir, other), path.join(dataDir, id, 'link'));
    for (const attempt of [`../${other}/secret`, 'link/secret', 'link', '/../secret', 'x/../../secret']) {
      for (const action of ['read_file', 'download_file', 'list_files', 'write_file', 'upload_file']) {
        await world().link.command(action, id, { path: attempt, content: '' }).refused('PATH_FORBIDDEN')
          .catch((error) => { if (!/NOT_A_DIRECTORY/.test(error.message)) throw error; });
      }
    }
    assert.equal(fs.readFileSync(path.join(dataDir, other, 'secret'), 'utf8'), 'secret');
    assert.deepEqual(fs.readdirSync(path.join(dataDir, other)), ['secret']);
  });

  it('archives and backups bring back what was there', async () => {
    const id = await world().create('backups');
    const { link } = world();
    await ask('write_file', id, { path: 'world/level.dat', content: 'before' });
    const archive = await ask('create_archive', id, { path: 'world', destination: 'world.tar.zst' });
    assert.equal(archive.entries, 2);
    await link.command('create_backup', id, { backupId: 'first', ignore: ['*.zst'] }).done(30_000);
    await ask('write_file', id, { path: 'world/level.dat', content: 'after' });
    await ask('extract_archive', id, { path: 'world.tar.zst', destination: 'out' });
    assert.equal((await ask('read_file', id, { path: 'out/world/level.dat' })).content, 'before');
    await link.command('restore_backup', id, { backupId: 'first' }).done(30_000);
    assert.equal((await ask('read_file', id, { path: 'world/level.dat' })).content, 'before');
    assert.deepEqual((await ask('list_files', id, {})).files.map((f) => f.name), ['world']);
    await world().start(id);
    await link.command('restore_backup', id, { backupId: 'first' }).refused('INVALID_STATE');
    const [backup] = (await ask('list_backups', id)).backups;
    const piece = await ask('download_backup', id, { backupId: 'first' });
    assert.equal(sha256(Buffer.from(piece.content, 'base64')), backup.sha256);
    await ask('delete_backup', id, { backupId: 'first' });
    assert.deepEqual((await ask('list_backups', id)).backups, []);
  });

  it('legacy messages read and write files', async () => {
    const id = await world().create('legacy-files');
    const { link } = world();
    const send = (type, data) => {
      const messageId = uniqueId('message');
      link.send({ type, data: { serverId: id, ...data }, messageId, timestamp: new Date().toISOString() });
      return link.waitFor((m) => m.messageId === messageId, type);
    };
    const written = await send('file_write', { path: '/eula.txt', content: 'eula=true' });
    assert.equal(written.type, 'file_content');
    assert.equal(written.data.success, true);
    const read = await send('file_read', { path: '/eula.txt' });
    assert.equal(read.type, 'file_content');
    assert.equal(read.data.content, 'eula=true');
    assert.equal((await send('file_read', { path: '/none' })).data.code, 'FILE_NOT_FOUND');
  });

  itOnReal('a server reads what was written and changes it, and is read', async () => {
    const id = await world().create('shared-files', { startup: 'cat order > seen; echo more >> order; sleep 1000' });
    await ask('write_file', id, { path: 'order', content: 'from the panel\n' });
    await world().start(id);
    await until('what the server has written', async () =>
      (await ask('read_file', id, { path: 'order' })).content === 'from the panel\nmore\n');
    assert.equal((await ask('read_file', id, { path: 'seen' })).content, 'from the panel\n');
  });
}
