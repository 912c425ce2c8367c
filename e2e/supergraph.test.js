// Composes the gateway with another subgraph, with the composers of three vendors, and asks the result through routers:
// Hive Gateway with its planners in JavaScript and in Rust (that of Hive Router), and Grafbase, which is written in Rust.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { composeServices as composeWithApollo } from '@apollo/composition';
import { createGatewayRuntime } from '@graphql-hive/gateway-runtime';
import { unifiedGraphHandler } from '@graphql-hive/router-runtime';
import { composeServices as composeWithHive } from '@theguild/federation-composition';
import { federateSubgraphs, ROUTER_COMPATIBILITY_VERSION_ONE } from '@wundergraph/composition';
import { buildSchema, execute, parse } from 'graphql';
import { graphiqlAddress, startGateway } from './gateway.js';

const people = `
  extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key", "@shareable"])
  type Query { people(first: Int): PersonConnection }
  type PersonConnection { nodes: [User!]! pageInfo: PageInfo! }
  type PageInfo @shareable { hasNextPage: Boolean! hasPreviousPage: Boolean! startCursor: String endCursor: String }
  type User @key(fields: "id") { id: ID! costCenter: String }
  type SubscribedSku @key(fields: "skuId") { skuId: UUID listPrice: Float }
  scalar UUID
`;

const question = `{
  users(first: 2) { nodes { id displayName costCenter licenseAssignmentStates { state sku { productName listPrice } } } }
  assignmentErrors(first: 2) { nodes { code assignedTo { id ... on User { costCenter } } } }
}`;

const scratch = mkdtempSync(join(tmpdir(), 'licensegraph-e2e-'));
const gateways = {};
const subgraphs = {};
let peopleServer;

/** The other subgraph, which knows cost centers and list prices. */
async function startPeople() {
  const schema = buildSchema(`
    scalar _Any scalar UUID union _Entity = User | SubscribedSku
    type Query { _entities(representations: [_Any!]!): [_Entity]! }
    type User { id: ID! costCenter: String } type SubscribedSku { skuId: UUID listPrice: Float }
  `);
  const entity = ({ __typename, id, skuId }) =>
    __typename === 'User' ? { __typename, id, costCenter: `cost center of ${id}` } : { __typename, skuId, listPrice: 12.5 };
  peopleServer = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += chunk;
    const { query, variables } = JSON.parse(body);
    const result = await execute({
      schema,
      document: parse(query),
      variableValues: variables,
      rootValue: { _entities: ({ representations }) => representations.map(entity) },
    });
    response.setHeader('content-type', 'application/json').end(JSON.stringify(result));
  }).listen(0, '127.0.0.1');
  await once(peopleServer, 'listening');
  return `http://127.0.0.1:${peopleServer.address().port}/`;
}

before(async () => {
  const peopleURL = await startPeople();
  for (const [name, flag] of [
    ['with', '--security-directives'],
    ['without', '--no-security-directives'],
  ]) {
    gateways[name] = startGateway(scratch, flag);
    const url = new URL('graphql', await graphiqlAddress(gateways[name])).href;
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ query: '{ _service { sdl } }' }),
    });
    const { data } = await response.json();
    subgraphs[name] = [
      { name: 'licensing', url, sdl: data._service.sdl },
      { name: 'people', url: peopleURL, sdl: people },
    ];
  }
});

after(async () => {
  for (const gateway of Object.values(gateways)) {
    gateway.kill('SIGINT');
    await once(gateway, 'exit');
  }
  peopleServer.close();
  peopleServer.closeAllConnections();
  rmSync(scratch, { recursive: true, force: true });
});

const composers = {
  Apollo(list) {
    const { errors, supergraphSdl } = composeWithApollo(
      list.map(({ name, url, sdl }) => ({ name, url, typeDefs: parse(sdl) })),
    );
    assert.deepEqual(errors?.map((error) => error.message) ?? [], []);
    return supergraphSdl;
  },
  Hive(list) {
    const { errors, supergraphSdl } = composeWithHive(
      list.map(({ name, url, sdl }) => ({ name, url, typeDefs: parse(sdl) })),
    );
    assert.deepEqual(errors?.map((error) => error.message) ?? [], []);
    return supergraphSdl;
  },
  WunderGraph(list) {
    const result = federateSubgraphs({
      subgraphs: list.map(({ name, url, sdl }) => ({ name, url, definitions: parse(sdl) })),
      version: ROUTER_COMPATIBILITY_VERSION_ONE,
    });
    assert.deepEqual(result.errors?.map((error) => error.message) ?? [], []);
    assert.ok(result.success);
  },
};

/** Checks that an answer has what both subgraphs know. */
function checkAnswer({ data, errors }) {
  assert.equal(errors, undefined, JSON.stringify(errors));
  assert.equal(data.users.nodes.length, 2);
  for (const user of data.users.nodes) {
    assert.ok(user.displayName);
    assert.equal(user.costCenter, `cost center of ${user.id}`);
    for (const { sku } of user.licenseAssignmentStates) assert.equal(sku.listPrice, 12.5);
  }
  for (const { code, assignedTo } of data.assignmentErrors.nodes) {
    assert.ok(code);
    assert.equal(assignedTo.costCenter, `cost center of ${assignedTo.id}`);
  }
}

for (const directives of ['with', 'without']) {
  for (const composer of Object.keys(composers)) {
    test(`${composer} composes the SDL ${directives} security directives`, () => {
      const supergraph = composers[composer](subgraphs[directives]);
      const { sdl } = subgraphs[directives][0];
      assert.equal(/@requiresScopes|@authenticated/.test(sdl), directives === 'with');
      assert.doesNotMatch(sdl, /@goField|@entityResolver/, 'the code generator is nobody’s business');
      if (supergraph && directives === 'with') assert.match(supergraph, /@requiresScopes\(/);
    });
  }

  for (const [planner, options] of [
    ['JavaScript', {}],
    ['Rust', { unifiedGraphHandler }],
  ]) {
    test(`Hive Gateway, planner in ${planner}, asks ${directives} security directives`, async () => {
      const runtime = createGatewayRuntime({
        supergraph: composers.Apollo(subgraphs[directives]),
        logging: false,
        maskedErrors: false,
        ...options,
      });
      const response = await runtime.fetch('http://router.invalid/graphql', {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ query: question }),
      });
      checkAnswer(await response.json());
      await runtime.dispose?.();
    });
  }

  test(`Grafbase asks ${directives} security directives`, async (t) => {
    let binary;
    try {
      binary = import.meta.resolve('@grafbase/cli-x86_64-unknown-linux-musl/package.json');
    } catch {
      return t.skip('the router is there for Linux on x86-64 only');
    }
    const folder = mkdtempSync(join(scratch, 'grafbase-'));
    let config = '';
    for (const { name, url, sdl } of subgraphs[directives]) {
      writeFileSync(join(folder, `${name}.graphql`), sdl);
      config += `[subgraphs.${name}]\nurl = "${url}"\nschema_path = "${name}.graphql"\n`;
    }
    writeFileSync(join(folder, 'grafbase.toml'), config);
    const port = await freePort();
    const router = spawn(
      new URL('grafbase', binary).pathname,
      ['--home', folder, 'dev', '--config', 'grafbase.toml', '--listen-address', `127.0.0.1:${port}`],
      { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, GRAFBASE_TELEMETRY: 'false' } },
    );
    t.after(async () => {
      router.kill('SIGKILL');
      await once(router, 'exit');
    });
    let printed = '';
    await new Promise((resolve, reject) => {
      const late = setTimeout(() => reject(new Error(`the router does not start:\n${printed}`)), 30_000);
      const read = (chunk) => {
        printed += chunk;
        if (printed.includes(`127.0.0.1:${port}/graphql`)) {
          clearTimeout(late);
          resolve();
        }
      };
      router.stdout.on('data', read);
      router.stderr.on('data', read);
      router.once('exit', (code) => reject(new Error(`the router ended with ${code}:\n${printed}`)));
    });
    const response = await fetch(`http://127.0.0.1:${port}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ query: question }),
    });
    checkAnswer(await response.json());
  });
}

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}
