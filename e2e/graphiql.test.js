// Drives GraphiQL in Chromium against the real gateway over its embedded
// tenant: what an administrator sees in the first minute.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { openBrowser } from './browser.js';
import { graphiqlAddress, startGateway } from './gateway.js';

const SCREENSHOT = process.env.SCREENSHOT ?? join(tmpdir(), 'licensegraph-graphiql.png');
const EXAMPLES = [
  { name: 'FailedAssignments', field: 'assignmentErrors' },
  { name: 'PeopleWithErrors', field: 'users' },
  { name: 'Person', field: 'user' },
  { name: 'Products', field: 'subscribedSkus' },
  { name: 'Group', field: 'group' },
  { name: 'Overview', field: 'licensingOverview' },
  { name: 'Waste', field: 'licenseFindingsOverview' },
  { name: 'Renewals', field: 'companySubscriptions' },
  { name: 'Search', field: 'search' },
  { name: 'DryRun', field: 'updateAssignment' },
  { name: 'Fix', field: 'reprocessAssignments' },
  { name: 'FederatedEntities', field: '_entities' },
];

const scratch = mkdtempSync(join(tmpdir(), 'licensegraph-e2e-'));
let origins;
let complaints;
let gateway;
let context;
let page;
let address;

before(async () => {
  gateway = startGateway(scratch);
  address = await graphiqlAddress(gateway);

  ({ context, origins, complaints } = await openBrowser(scratch));
  page = context.pages()[0] ?? (await context.newPage());
  await page.goto(address);
  await page.locator('.graphiql-query-editor .view-line').first().waitFor();
});

after(async () => {
  await context?.close();
  if (gateway && gateway.exitCode === null) {
    gateway.kill('SIGKILL');
  }
  rmSync(scratch, { recursive: true, force: true });
});

test('the page says what it is', async () => {
  assert.equal(await page.title(), 'licensegraph · GraphiQL');
  assert.equal(await page.locator('html').getAttribute('lang'), 'en');
});

test('every example has its tab, the main question in front', async () => {
  assert.deepEqual(
    await tabs().allInnerTexts(),
    EXAMPLES.map(({ name }) => name),
  );
  assert.equal(await tabs().first().getAttribute('aria-selected'), 'true');
});

for (const [index, { name, field }] of EXAMPLES.entries()) {
  test(`${name} answers`, async () => {
    await open(index);
    const { status, answer } = await execute(name);
    assert.equal(status, 200);
    assert.equal(answer.errors, undefined, JSON.stringify(answer.errors));
    assert.ok(hasContent(answer.data[field]), `${field} is empty`);
    assert.ok(answer.extensions.upstream.requests > 0, 'the cost is missing');

    const shown = await shownAnswer(`"${field}"`);
    assert.ok(name === 'DryRun' || !shown.includes('"errors"'), shown); // a dry run predicts errors
    assert.match(await page.locator('.graphiql-footer').innerText(), /[1-9]\d* requests/);
    if (index === 0) {
      await page.mouse.move(0, 0);
      await page.locator('.graphiql-query-editor .scrollbar.vertical.invisible').first().waitFor({ state: 'attached' });
      await page.screenshot({ path: SCREENSHOT });
    }
  });
}

test('the schema is there to read', async () => {
  await page.getByRole('button', { name: 'Show Documentation Explorer' }).click();
  await page.getByRole('link', { name: 'Query', exact: true }).first().click();
  await page.locator('.graphiql-doc-explorer').getByRole('link', { name: 'assignmentErrors', exact: true }).waitFor();
  await page.getByRole('button', { name: 'Show GraphiQL Explorer' }).click();
  await page.locator('.graphiql-explorer-root').getByText('assignmentErrors').first().waitFor();
  await page.getByRole('button', { name: 'Hide GraphiQL Explorer' }).click();
});

test('a returning visitor finds the tabs as they were left', async () => {
  await open(2);
  await page.locator('.graphiql-query-editor .view-line').first().click();
  await page.keyboard.press('Control+Home');
  await page.keyboard.type('# mine\n');
  await page.waitForFunction(() => localStorage.getItem('graphiql:tabState')?.includes('# mine'));

  await page.reload();
  await page.locator('.graphiql-query-editor .view-line').first().waitFor();
  assert.deepEqual(
    await tabs().allInnerTexts(),
    EXAMPLES.map(({ name }) => name),
  );
  assert.equal(await tabs().nth(2).getAttribute('aria-selected'), 'true');
  const { answer } = await execute(EXAMPLES[2].name);
  assert.equal(answer.errors, undefined);
  assert.match(await page.locator('.graphiql-query-editor .view-lines').innerText(), /^#\s+mine/);
});

test('no request left the host and nothing complained', () => {
  assert.deepEqual([...origins], [new URL(address).origin]);
  assert.deepEqual(complaints, []);
});

test('an interrupt ends the gateway cleanly', { timeout: 30_000 }, async () => {
  await context.close();
  assert.equal(gateway.exitCode, null, 'it ended before');
  gateway.kill('SIGINT');
  const [code] = await once(gateway, 'exit');
  assert.equal(code, 0);
});

function tabs() {
  return page.getByRole('tablist', { name: 'Select active operation' }).getByRole('tab');
}

/** Opens a tab and waits until GraphiQL has read its query, a moment later. */
async function open(index) {
  await tabs().nth(index).click();
  await page.waitForFunction(
    (name) => new RegExp(`^(query|mutation) ${name}\\b`, 'm').test(localStorage.getItem('graphiql:query')),
    EXAMPLES[index].name,
  );
}

/** Presses the button and returns the answer to the named operation. */
async function execute(operationName) {
  const answered = page.waitForResponse((response) => {
    const request = response.request();
    return request.method() === 'POST' && request.postDataJSON()?.operationName === operationName;
  });
  await page.getByRole('button', { name: /^Execute query/ }).click();
  const response = await answered;
  return {
    status: response.status(),
    answer: await response.json(),
  };
}

/** Waits until the right-hand side shows text, and returns what it shows. */
async function shownAnswer(text) {
  const lines = page.locator('.graphiql-response .view-lines');
  await lines.getByText(text).first().waitFor();
  return lines.innerText();
}

function hasContent(value) {
  if (Array.isArray(value)) {
    return value.length > 0 && value.every((item) => item !== null);
  }
  if (value && 'nodes' in value) {
    return value.nodes.length > 0;
  }
  return Boolean(value);
}
