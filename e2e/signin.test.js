// Signs in to the embedded tenant and reads from it with the official libraries, in processes that trust its certificate.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { startTenant } from './tenant.js';

const scratch = mkdtempSync(join(tmpdir(), 'licensegraph-e2e-'));
let tenant;

before(async () => {
  tenant = await startTenant(scratch);
});

after(async () => {
  tenant.child.removeAllListeners('exit');
  tenant.child.kill('SIGINT');
  await once(tenant.child, 'exit');
  rmSync(scratch, { recursive: true, force: true });
});

/** Runs a program to its end, which has to be a good one. */
async function run(command, args, cwd) {
  const env = { ...process.env, ...tenant.variables };
  delete env.NODE_TEST_CONTEXT; // The other process reports for itself.
  const child = spawn(command, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  child.stdout.on('data', (chunk) => (output += chunk));
  child.stderr.on('data', (chunk) => (output += chunk));
  const [code] = await once(child, 'close');
  assert.equal(code, 0, output);
  return output;
}

test('the JavaScript libraries', { timeout: 120_000 }, async () => {
  const output = await run(process.execPath, ['--test-reporter=tap', join(import.meta.dirname, 'libraries.js')]);
  assert.match(output, /^# fail 0$/m, output);
});

test('the Go library', { timeout: 300_000 }, async () => {
  await run('go', ['test', '-count=1', './...'], join(import.meta.dirname, 'azidentity'));
});
