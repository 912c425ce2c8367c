// Asks the gateway over a WebSocket and over event streams, with the clients that portals use.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { createClient as createEvents } from 'graphql-sse';
import { createClient as createSocket } from 'graphql-ws';
import WebSocket from 'ws';
import { graphiqlAddress, startGateway } from './gateway.js';

const query = '{ subscribedSkus(first: 1) { nodes { skuPartNumber } } }';
const scratch = mkdtempSync(join(tmpdir(), 'licensegraph-e2e-'));
let gateway;
let endpoint;
let authorization;

before(async () => {
  gateway = startGateway(scratch, '--inbound=entra');
  const address = await graphiqlAddress(gateway);
  endpoint = `${address}graphql`;
  const { signIn } = await (await fetch(`${address}graphiql.json`)).json();
  const asked = { client_id: signIn.clientId, scope: signIn.scope };
  const page = await fetch(
    `${signIn.authority}/oauth2/v2.0/authorize?${new URLSearchParams({
      ...asked,
      response_type: 'code',
      redirect_uri: address,
      code_challenge: 'c'.repeat(43),
    })}`,
  );
  const [, username] = (await page.text()).match(/([\w.-]+@[\w.-]+), License Administrator/);
  const answer = await fetch(`${signIn.authority}/oauth2/v2.0/token`, {
    method: 'POST',
    body: new URLSearchParams({ ...asked, grant_type: 'password', username, password: 'not-a-password' }),
  });
  authorization = `Bearer ${(await answer.json()).access_token}`;
});

after(async () => {
  gateway.kill('SIGINT');
  const [code] = await once(gateway, 'exit');
  rmSync(scratch, { recursive: true, force: true });
  assert.equal(code, 0);
});

/** Collects the results of one operation. */
async function results(client, operation) {
  const list = [];
  for await (const result of client.iterate(operation)) {
    list.push(result);
  }
  return list;
}

function socket(connectionParams) {
  return createSocket({ url: endpoint.replace('http:', 'ws:'), webSocketImpl: WebSocket, connectionParams, retryAttempts: 0 });
}

test('graphql-ws', async () => {
  const client = socket(() => ({ authorization }));
  const [first, second] = await Promise.all([results(client, { query }), results(client, { query })]);
  for (const [result, ...more] of [first, second]) {
    assert.equal(result.errors, undefined);
    assert.ok(result.data.subscribedSkus.nodes[0].skuPartNumber);
    assert.deepEqual(more, []);
  }
  await assert.rejects(results(client, { query: '{ nothing }' }), ([error]) => error.extensions.code === 'BAD_USER_INPUT');
  await client.dispose();
});

test('graphql-ws without a token, and with a wrong one', async () => {
  for (const parameters of [undefined, {}, { authorization: 'Bearer no.to.ken' }]) {
    await assert.rejects(results(socket(parameters), { query }), ({ code }) => code === 4401);
  }
});

test('graphql-sse', async () => {
  const client = createEvents({ url: endpoint, headers: { authorization }, retryAttempts: 0 });
  const [result, ...more] = await results(client, { query });
  assert.ok(result.data.subscribedSkus.nodes[0].skuPartNumber);
  assert.deepEqual(more, []);
  const [invalid] = await results(client, { query: '{ nothing }' });
  assert.equal(invalid.errors[0].extensions.code, 'BAD_USER_INPUT');
  client.dispose();
});

test('graphql-sse without a token', async () => {
  const client = createEvents({ url: endpoint, retryAttempts: 0 });
  await assert.rejects(results(client, { query }), ({ response }) => response.status === 401);
});
