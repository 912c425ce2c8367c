// Compares what the gateway takes as input with what graphql-js takes.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import {
  buildClientSchema,
  execute,
  getIntrospectionQuery,
  isAbstractType,
  isEnumType,
  isLeafType,
  isListType,
  isNonNullType,
  parse,
  validate,
} from 'graphql';
import { cases, stricter } from './coercion.js';
import { graphiqlAddress, startGateway } from './gateway.js';

const scratch = mkdtempSync(join(tmpdir(), 'licensegraph-e2e-'));
let gateway;
let endpoint;
let schema;

before(async () => {
  gateway = startGateway(scratch, '--caller-rate', '100000', '--caller-burst', '100000');
  endpoint = new URL('graphql', await graphiqlAddress(gateway)).href;
  schema = buildClientSchema((await ask(getIntrospectionQuery())).data);
});

after(async () => {
  gateway.kill('SIGINT');
  await once(gateway, 'exit');
  rmSync(scratch, { recursive: true, force: true });
});

function encode(query, variables) {
  return JSON.stringify({ query, variables }).replace(/"RAW:([^"]*)"/g, '$1');
}

async function ask(query, variables) {
  const response = await fetch(endpoint, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: encode(query, variables),
  });
  return response.json();
}

/** Something of a type, so that everything which is selected is resolved. */
function something(type) {
  if (isNonNullType(type)) return something(type.ofType);
  if (isListType(type)) return [something(type.ofType)];
  if (isEnumType(type)) return type.getValues()[0].value;
  if (isLeafType(type)) return { Int: 1, Float: 1, Boolean: true }[type.name] ?? 'x';
  if (isAbstractType(type)) return { __typename: schema.getPossibleTypes(type)[0].name };
  return {};
}

/** Why graphql-js refuses an operation; undefined when it takes it. */
async function refusal({ query, variables }) {
  const document = (() => {
    try {
      return parse(query);
    } catch (error) {
      return error;
    }
  })();
  if (document instanceof Error) return document.message;
  const [invalid] = validate(schema, document);
  if (invalid) return invalid.message;
  const { errors } = await execute({
    schema,
    document,
    variableValues: variables && JSON.parse(encode('', variables)).variables,
    fieldResolver: (source, args, context, info) => something(info.returnType),
  });
  return errors?.[0].message;
}

test('the gateway takes what graphql-js takes, and refuses what it refuses', async () => {
  const different = [];
  const unused = new Set(Object.keys(stricter));
  for (const example of cases) {
    const theirs = await refusal(example);
    const { errors = [] } = await ask(example.query, example.variables);
    const refused = errors.filter((error) => ['BAD_USER_INPUT', 'INTERNAL'].includes(error.extensions?.code));
    if ((theirs !== undefined) === refused.length > 0) continue;
    const reason = Object.keys(stricter).find((name) => stricter[name].test(example.name));
    if (reason && refused.length > 0) {
      unused.delete(reason);
      continue;
    }
    different.push({ ...example, theirs, ours: errors });
  }
  assert.deepEqual(different, []);
  assert.deepEqual([...unused], [], 'reasons that no case needs');
});
