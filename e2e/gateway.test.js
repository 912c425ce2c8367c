// Looks at the gateway as its clients and routers do: is it a GraphQL server over HTTP, and does its
// schema compose with another subgraph's?
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { compositionHasErrors, composeServices } from '@theguild/federation-composition';
import { parse } from 'graphql';
import { serverAudits } from 'graphql-http';
import { graphiqlAddress, startGateway } from './gateway.js';

const scratch = mkdtempSync(join(tmpdir(), 'licensegraph-e2e-'));
let gateway;
let endpoint;

before(async () => {
  gateway = startGateway(scratch);
  endpoint = new URL('graphql', await graphiqlAddress(gateway)).href;
});

after(async () => {
  gateway.kill('SIGINT');
  await once(gateway, 'exit');
  rmSync(scratch, { recursive: true, force: true });
});

for (const audit of serverAudits({ url: () => endpoint, fetchFn: fetch })) {
  test(`GraphQL over HTTP: ${audit.name}`, async () => {
    const result = await audit.fn();
    assert.equal(result.status, 'ok', result.reason);
  });
}

test('the schema composes with a subgraph that adds to its entities', async () => {
  const response = await fetch(endpoint, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ query: '{ _service { sdl } }' }),
  });
  const { data } = await response.json();
  const people = `
    extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key", "@shareable"])
    type Query { people(first: Int): PersonConnection }
    type PersonConnection { nodes: [User!]! pageInfo: PageInfo! }
    type PageInfo @shareable { hasNextPage: Boolean! hasPreviousPage: Boolean! startCursor: String endCursor: String }
    type User @key(fields: "id") @key(fields: "userPrincipalName") { id: ID! userPrincipalName: String @shareable displayName: String @shareable costCentre: String }
    type Group @key(fields: "id") { id: ID! owner: User }
    type SubscribedSku @key(fields: "skuId") { skuId: UUID price: Float }
    scalar UUID
  `;
  const result = composeServices([
    { name: 'licensing', typeDefs: parse(data._service.sdl), url: endpoint },
    { name: 'people', typeDefs: parse(people), url: 'http://people.invalid/' },
  ]);
  assert.ok(!compositionHasErrors(result), JSON.stringify(result.errors, null, 2));
  assert.match(result.supergraphSdl, /costCentre/);
  // Routers see who may read what.
  assert.match(result.supergraphSdl, /\): UserConnection [^\n]*@requiresScopes\(scopes: \[\["Licenses.Read"\], \["Licenses.Read.All"\]\]\)/);
  assert.match(result.supergraphSdl, /displayName: String .*@requiresScopes\(scopes: \[\["Licenses.ReadPersonal"\]/);
  assert.match(result.supergraphSdl, /me: User .*@authenticated/);
});
