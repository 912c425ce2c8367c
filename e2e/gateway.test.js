// Looks at the gateway as its clients do: is it a GraphQL server over HTTP?
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
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
