// Signs in on the embedded tenant's page in Chromium: it has no script, and its policy has to let it work.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { chromium } from 'playwright-core';
import { startTenant } from './tenant.js';

const scratch = mkdtempSync(join(tmpdir(), 'licensegraph-e2e-'));
const complaints = [];
const received = [];
let tenant;
let application;
let home;
let browser;
let page;

before(async () => {
  application = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk) => (body += chunk));
    request.on('end', () => {
      const fields = new URLSearchParams(body);
      new URL(request.url, 'http://localhost').searchParams.forEach((value, name) => fields.set(name, value));
      if (request.url.startsWith('/back')) {
        received.push({ method: request.method, fields });
      }
      response.setHeader('content-type', 'text/html');
      response.end('<!DOCTYPE html><title>Back</title>');
    });
  }).listen(0, '127.0.0.1');
  await once(application, 'listening');
  home = `http://127.0.0.1:${application.address().port}`;
  tenant = await startTenant(scratch, '--single-page-uri', `${home}/back/page`);
  browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking'],
  });
  page = await (await browser.newContext({ ignoreHTTPSErrors: true })).newPage(); // Other tests check the certificate.
  page.on('console', (message) => message.type() === 'error' && !/favicon/.test(message.location().url) && complaints.push(message.text()));
});

after(async () => {
  await browser?.close();
  application.close();
  tenant.child.removeAllListeners('exit');
  tenant.child.kill('SIGINT');
  await once(tenant.child, 'exit');
  rmSync(scratch, { recursive: true, force: true });
});

/** Opens the page, and returns what the application gets once somebody was chosen there. */
async function signIn(mode, choose) {
  const { TENANT_URL, TENANT_ID, CLIENT_ID } = tenant.variables;
  const query = new URLSearchParams({
    client_id: CLIENT_ID, response_type: 'code', redirect_uri: `${home}/back`,
    scope: 'openid User.Read', state: '<&"', response_mode: mode,
  });
  await page.goto(`${TENANT_URL}/${TENANT_ID}/oauth2/v2.0/authorize?${query}`);
  assert.equal(await page.title(), 'Pick an account');
  assert.equal(await page.evaluate(() => getComputedStyle(document.querySelector('ul')).listStyleType), 'none', 'the style is not applied');
  await choose();
  await page.waitForURL('**/back**');
  return received.pop();
}

for (const mode of ['query', 'form_post']) {
  const back = mode === 'form_post' ? () => page.getByRole('button', { name: 'Continue' }).click() : () => {};
  test(`somebody on the list, ${mode}`, async () => {
    const { method, fields } = await signIn(mode, async () => {
      await page.getByRole('link', { name: /License Administrator/ }).click();
      await back();
    });
    assert.equal(method, mode === 'form_post' ? 'POST' : 'GET');
    assert.equal(fields.get('state'), '<&"');
    assert.ok(fields.get('code'));
  });

  test(`somebody else, ${mode}`, async () => {
    const { fields } = await signIn(mode, async () => {
      await page.getByLabel('Another user:').fill('nobody@example.com');
      await page.getByRole('button', { name: 'Next' }).click();
      await page.getByRole('alert').waitFor();
      const name = (await page.locator('small').last().textContent()).split(',')[0];
      await page.getByLabel('Another user:').fill(name);
      await page.getByRole('button', { name: 'Next' }).click();
      await back();
    });
    assert.ok(fields.get('code'));
  });
}

test('a single-page application signs in and reads', async () => {
  const { TENANT_URL, TENANT_ID, PUBLIC_CLIENT_ID } = tenant.variables;
  const authority = `${TENANT_URL}/${TENANT_ID}/oauth2/v2.0`;
  const common = { client_id: PUBLIC_CLIENT_ID, redirect_uri: `${home}/back/page`, scope: 'User.Read offline_access' };
  const verifier = 'v'.repeat(43);
  await page.goto(`${authority}/authorize?${new URLSearchParams({ ...common, response_type: 'code', response_mode: 'fragment', code_challenge: verifier })}`);
  await page.getByRole('link').first().click();
  await page.waitForURL('**/back/page#**');
  const read = await page.evaluate(
    async ([token, graph, fields]) => {
      const code = new URLSearchParams(location.hash.slice(1)).get('code');
      const body = new URLSearchParams({ ...fields, grant_type: 'authorization_code', code });
      const tokens = await (await fetch(token, { method: 'POST', body })).json();
      const response = await fetch(graph, { headers: { authorization: `Bearer ${tokens.access_token}` } });
      return { status: response.status, id: response.headers.get('request-id'), tokens };
    },
    [`${authority}/token`, `${TENANT_URL}/v1.0/me`, { ...common, code_verifier: verifier }],
  );
  assert.equal(read.status, 200, JSON.stringify(read));
  assert.ok(read.id);
  const again = new URLSearchParams({ client_id: PUBLIC_CLIENT_ID, grant_type: 'refresh_token', refresh_token: read.tokens.refresh_token });
  const refreshed = await page.evaluate(async ([token, body]) => (await fetch(token, { method: 'POST', body: new URLSearchParams(body) })).status, [`${authority}/token`, `${again}`]);
  assert.equal(refreshed, 200);
});

test('the browser had nothing to complain about', () => assert.deepEqual(complaints, []));
