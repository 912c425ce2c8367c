import assert from 'node:assert/strict';
import { test } from 'node:test';
import { claimsOf, createSession } from './signin.js';

const signIn = { authority: 'https://login.example/tenant', clientId: 'client', scope: 'api://gateway/.default' };

/** A window as far as a session needs one. */
function page(hash = '', stored = {}) {
  const map = new Map(Object.entries(stored));
  const left = [];
  return {
    left,
    map,
    location: { origin: 'http://127.0.0.1:8080', pathname: '/', hash, assign: (address) => left.push(new URL(address)) },
    history: { replaceState: (_state, _title, address) => left.push(address) },
    sessionStorage: {
      getItem: (key) => map.get(key) ?? null,
      setItem: (key, value) => map.set(key, value),
      removeItem: (key) => map.delete(key),
    },
  };
}

test('the claims of a challenge', () => {
  const claims = '{"access_token":{"acrs":{"essential":true,"value":"c1"}}}';
  assert.equal(claimsOf(`Bearer realm="x", error="insufficient_claims", claims="${btoa(claims)}"`), claims);
  for (const header of [null, '', 'Bearer realm="x"', 'Bearer claims="!"', `Bearer claims="${btoa('{')}"`]) {
    assert.equal(claimsOf(header), '', header);
  }
});

test('the way to the sign-in page holds a fresh challenge, and no secret', async () => {
  const window = page();
  const session = createSession(signIn, window);
  session.challenged(`Bearer claims="${btoa('{"a":1}')}"`);
  assert.match(session.status().problem, /sign in again/i);
  await session.signIn('select_account');
  await session.signIn();
  const [first, second] = window.left;
  const asked = Object.fromEntries(first.searchParams);
  assert.equal(first.origin + first.pathname, 'https://login.example/tenant/oauth2/v2.0/authorize');
  assert.deepEqual(
    { ...asked, state: '', nonce: '', code_challenge: '' },
    {
      claims: '{"a":1}',
      client_id: 'client',
      code_challenge: '',
      code_challenge_method: 'S256',
      nonce: '',
      prompt: 'select_account',
      redirect_uri: 'http://127.0.0.1:8080/',
      response_mode: 'fragment',
      response_type: 'code',
      scope: 'api://gateway/.default openid profile offline_access',
      state: '',
    },
  );
  for (const name of ['state', 'nonce', 'code_challenge']) {
    assert.ok(asked[name].length >= 43);
    assert.notEqual(asked[name], second.searchParams.get(name));
  }
  assert.ok(!first.href.includes(JSON.parse(window.map.get('licensegraph:signIn')).verifier));
});

test('what was not begun here is not taken up', async (t) => {
  const pending = JSON.stringify({ verifier: 'v'.repeat(43), state: 's'.repeat(43), nonce: 'n'.repeat(43) });
  t.mock.method(globalThis, 'fetch', () => assert.fail('it asked for tokens'));
  for (const [hash, stored, problem] of [
    ['#code=stolen&state=x', {}, ''],
    ['#code=stolen&state=x', { 'licensegraph:signIn': pending }, /failed/],
    [`#code=a&code=b&state=${'s'.repeat(43)}`, { 'licensegraph:signIn': pending }, /failed/],
    [`#error=access_denied&error_description=No.%20Trace%20ID:%201&state=${'s'.repeat(43)}`, { 'licensegraph:signIn': pending }, /failed: No\.$/],
  ]) {
    const window = page(hash, stored);
    const session = createSession(signIn, window);
    await session.resume();
    assert.equal(await session.token(), undefined);
    assert.match(session.status().problem, problem || /^$/);
    assert.deepEqual(window.left, ['http://127.0.0.1:8080/'], 'the code is still in the address');
    assert.equal(window.map.size, 0);
  }
});

test('without TLS only this machine is asked for tokens', async () => {
  const pending = JSON.stringify({ verifier: 'v'.repeat(43), state: 's'.repeat(43), nonce: 'n'.repeat(43) });
  const window = page(`#code=a&state=${'s'.repeat(43)}`, { 'licensegraph:signIn': pending });
  const session = createSession({ ...signIn, authority: 'http://login.example/tenant' }, window);
  await session.resume();
  assert.match(session.status().problem, /only requests to HTTPS are allowed/);
});
