// Signs somebody in on the GraphiQL page, in Chromium, where the gateway asks its callers who they are.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { openBrowser } from './browser.js';
import { graphiqlAddress, startGateway } from './gateway.js';

const SCREENSHOT = process.env.SIGNIN_SCREENSHOT ?? join(tmpdir(), 'licensegraph-graphiql-signin.png');

const scratch = mkdtempSync(join(tmpdir(), 'licensegraph-e2e-'));
let gateway;
let browser;
let page;
let address;
let authority;
let grants = [];

before(async () => {
  gateway = startGateway(scratch, '--inbound=entra');
  address = await graphiqlAddress(gateway);
  browser = await openBrowser(scratch);
  page = browser.context.pages()[0] ?? (await browser.context.newPage());
  authority = (await (await fetch(`${address}graphiql.json`)).json()).signIn.authority;
  browser.context.on('request', (request) => {
    if (request.url() === `${authority}/oauth2/v2.0/token`) {
      grants.push(new URLSearchParams(request.postData()).get('grant_type'));
    }
  });
  await page.goto(address);
  await page.locator('.graphiql-query-editor .view-line').first().waitFor();
});

after(async () => {
  await browser?.context.close();
  gateway.kill('SIGINT');
  const [code] = await once(gateway, 'exit');
  rmSync(scratch, { recursive: true, force: true });
  assert.equal(code, 0);
});

const button = (name) => page.getByRole('button', { name, exact: true });

/** Presses the button to run the query in front, and returns what is shown. */
async function run(wanted) {
  await page.getByRole('button', { name: /^Execute query/ }).click();
  const lines = page.locator('.graphiql-response .view-lines');
  await lines.getByText(wanted).first().waitFor();
  return lines.innerText();
}

/** Signs in as the first person in a role that the sign-in page offers. */
async function signInAs(role, by = 'Sign in') {
  await button(by).click();
  await page.waitForURL((url) => url.origin === new URL(authority).origin);
  await page.getByText(role).first().click();
  await page.waitForURL(address);
  await button('Sign out').waitFor();
  await page.locator('.graphiql-query-editor .view-line').first().waitFor();
}

test('nobody is signed in at first, and nothing is asked', async () => {
  assert.match(await run('Sign in first'), /button\s+is\s+at\s+the\s+top/);
  assert.deepEqual([...browser.origins], [new URL(address).origin]);
});

test('after signing in, queries run as that person', async () => {
  await signInAs('Global Reader');
  assert.match(page.url(), /^http:\/\/127\.0\.0\.1:\d+\/$/);
  assert.match(await page.locator('.account .person').innerText(), /@/);
  const shown = await run('"assignmentErrors"');
  assert.ok(!shown.includes('"errors": ['), shown);
  assert.deepEqual(grants, ['authorization_code']);
  await page.mouse.move(0, 0);
  await page.screenshot({ path: SCREENSHOT });
});

test('no token is kept', async () => {
  const kept = await page.evaluate(() => JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie]));
  assert.ok(!kept.includes('eyJ') && !kept.includes('verifier'), kept);
});

test('a token is renewed before it ends', async () => {
  // The next token is said to end in a minute.
  await page.route(`${authority}/oauth2/v2.0/token`, async (route) => {
    const response = await route.fetch();
    const body = await response.json();
    await route.fulfill({ response, json: { ...body, expires_in: 60 } });
  });
  grants = [];
  await signInAs('License Administrator', 'Switch');
  await run('"assignmentErrors"');
  const [first, ...renewals] = grants;
  assert.equal(first, 'authorization_code');
  assert.deepEqual([...new Set(renewals)], ['refresh_token']);
  await page.unroute(`${authority}/oauth2/v2.0/token`);
});

test('where more proof is wanted, the person signs in with the claims, and finds the tabs again', async () => {
  const claims = '{"access_token":{"acrs":{"essential":true,"value":"c1"}}}';
  await page.locator('.graphiql-query-editor .view-line').first().click();
  await page.keyboard.press('Control+Home');
  await page.keyboard.type('# mine\n');
  await page.waitForFunction(() => localStorage.getItem('graphiql:tabState')?.includes('# mine'));
  await page.route(`${address}graphql`, (route) =>
    route.fulfill({
      status: 401,
      headers: { 'www-authenticate': `Bearer realm="licensegraph", error="insufficient_claims", claims="${btoa(claims)}"` },
      json: { errors: [{ message: 'Microsoft Graph wants you to sign in again.' }] },
    }),
  );
  await run('Microsoft Graph wants you to sign in again.');
  await page.unroute(`${address}graphql`);
  await page.locator('.account .problem').getByText('More proof is wanted').waitFor();
  browser.complaints.length = 0; // the browser notes a 401
  const asked = page.waitForRequest((request) => request.url().startsWith(`${authority}/oauth2/v2.0/authorize?`));
  await signInAs('License Administrator', 'Sign in again');
  assert.equal(new URL((await asked).url()).searchParams.get('claims'), claims);
  assert.match(await page.locator('.graphiql-query-editor .view-lines').innerText(), /^#\s+mine/);
  assert.equal(await page.locator('.account .problem').count(), 0);
  await run('"assignmentErrors"');
});

test('after signing out nobody is signed in', async () => {
  await button('Sign out').click();
  await page.waitForURL(address);
  await button('Sign in').waitFor();
  await page.locator('.graphiql-query-editor .view-line').first().waitFor();
  await run('Sign in first');
});

test('only the gateway and the sign-in service were asked, and nothing complained', () => {
  assert.deepEqual([...browser.origins].sort(), [new URL(address).origin, new URL(authority).origin].sort());
  assert.deepEqual(browser.complaints, []);
});
