// The official libraries, as their users have them, but for the addresses. Run by signin.test.js.
import assert from 'node:assert/strict';
import { X509Certificate, createPublicKey, createVerify } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { ClientCertificateCredential, ClientSecretCredential } from '@azure/identity';
import { ConfidentialClientApplication, CryptoProvider, PublicClientApplication } from '@azure/msal-node';
import { BatchRequestContent, BatchResponseContent, Client, GraphError, PageIterator } from '@microsoft/microsoft-graph-client';
import { TokenCredentialAuthenticationProvider } from '@microsoft/microsoft-graph-client/authProviders/azureTokenCredentials/index.js';

const env = process.env;
const base = env.TENANT_URL;
const authority = `${base}/${env.TENANT_ID}`;
const graphDefault = 'https://graph.microsoft.com/.default';
const pem = readFileSync(env.CLIENT_CERTIFICATE, 'utf8');
const redirectUri = 'http://localhost:5173/redirect';

const claims = (token) => JSON.parse(Buffer.from(token.split('.')[1], 'base64url'));
const get = (path, token, version = 'v1.0') =>
  fetch(`${base}/${version}${path}`, { headers: { authorization: `Bearer ${token}` } });

const auth = (more) => ({ authority, knownAuthorities: [new URL(base).host], ...more });
const withSecret = new ConfidentialClientApplication({ auth: auth({ clientId: env.CLIENT_ID, clientSecret: env.CLIENT_SECRET }) });
const withCertificate = new ConfidentialClientApplication({
  auth: auth({
    clientId: env.CLIENT_ID,
    clientCertificate: {
      thumbprintSha256: new X509Certificate(pem).fingerprint256.replaceAll(':', ''),
      privateKey: pem.slice(pem.indexOf('-----BEGIN PRIVATE KEY')),
    },
  }),
});
const publicClient = new PublicClientApplication({ auth: auth({ clientId: env.PUBLIC_CLIENT_ID }) });

const options = { authorityHost: base, disableInstanceDiscovery: true };
const credential = new ClientSecretCredential(env.TENANT_ID, env.CLIENT_ID, env.CLIENT_SECRET, options);
const graph = Client.initWithMiddleware({
  baseUrl: `${base}/`,
  customHosts: new Set(['127.0.0.1']),
  authProvider: new TokenCredentialAuthenticationProvider(credential, { scopes: [graphDefault] }),
});

/** A person to be: the first ones of the tenant have directory roles. */
async function somebody() {
  return (await graph.api('/users').select('id,userPrincipalName').top(1).get()).value[0];
}

test('MSAL: client secret', async () => {
  const { accessToken, fromCache } = await withSecret.acquireTokenByClientCredential({ scopes: [graphDefault] });
  assert.equal(fromCache, false);
  assert.equal(claims(accessToken).appidacr, '1');
  assert.equal((await get('/subscribedSkus', accessToken)).status, 200);
  const again = await withSecret.acquireTokenByClientCredential({ scopes: [graphDefault] });
  assert.equal(again.fromCache, true);
});

test('MSAL: certificate', async () => {
  for (const skipCache of [false, true]) {
    // The second request shows the same assertion again.
    const { accessToken } = await withCertificate.acquireTokenByClientCredential({ scopes: [graphDefault], skipCache });
    assert.equal(claims(accessToken).appidacr, '2');
    assert.equal((await get('/subscribedSkus', accessToken)).status, 200);
  }
});

test('MSAL: a wrong secret', async () => {
  const wrong = new ConfidentialClientApplication({ auth: auth({ clientId: env.CLIENT_ID, clientSecret: 'x' }) });
  await assert.rejects(wrong.acquireTokenByClientCredential({ scopes: [graphDefault] }), (error) => {
    assert.equal(error.errorCode, 'invalid_client');
    assert.match(error.errorMessage, /AADSTS7000215/);
    return true;
  });
});

test('MSAL: code with PKCE, refresh, silent', async () => {
  const person = await somebody();
  const { verifier, challenge } = await new CryptoProvider().generatePkceCodes();
  const url = await publicClient.getAuthCodeUrl({
    scopes: ['User.Read'], redirectUri, codeChallenge: challenge, codeChallengeMethod: 'S256', loginHint: person.userPrincipalName, nonce: 'n', state: 's',
  });
  const response = await fetch(url, { redirect: 'manual' });
  assert.equal(response.status, 302, await response.text());
  const back = new URL(response.headers.get('location'));
  assert.equal(back.searchParams.get('state'), 's');
  const result = await publicClient.acquireTokenByCode({ code: back.searchParams.get('code'), scopes: ['User.Read'], redirectUri, codeVerifier: verifier }, { nonce: 'n' });
  assert.equal(result.account.localAccountId, person.id);
  assert.equal(result.account.username, person.userPrincipalName);
  assert.deepEqual((await (await get('/me?$select=id', result.accessToken)).json()).id, person.id);

  const silent = await publicClient.acquireTokenSilent({ account: result.account, scopes: ['User.Read'] });
  assert.equal(silent.fromCache, true);
  const forced = await publicClient.acquireTokenSilent({ account: result.account, scopes: ['User.Read'], forceRefresh: true });
  assert.equal(forced.fromCache, false);
  assert.equal(claims(forced.accessToken).oid, person.id);
  const other = await publicClient.acquireTokenSilent({ account: result.account, scopes: [`api://${env.CLIENT_ID}/access_as_user`] });
  assert.equal(claims(other.accessToken).aud, env.CLIENT_ID);
});

test('MSAL: confidential code, form_post', async () => {
  const person = await somebody();
  const url = await withSecret.getAuthCodeUrl({ scopes: ['User.Read'], redirectUri, responseMode: 'form_post', loginHint: person.userPrincipalName });
  const page = await (await fetch(url)).text();
  const code = page.match(/name="code" value="([^"]+)"/)[1];
  const result = await withSecret.acquireTokenByCode({ code, scopes: ['User.Read'], redirectUri });
  assert.equal(result.account.localAccountId, person.id);
});

test('MSAL: on behalf of, with a secret and with a certificate', async () => {
  const person = await somebody();
  const mine = await publicClient.acquireTokenByUsernamePassword({
    scopes: [`api://${env.CLIENT_ID}/access_as_user`], username: person.userPrincipalName, password: env.PASSWORD,
  });
  for (const client of [withSecret, withCertificate]) {
    const result = await client.acquireTokenOnBehalfOf({ oboAssertion: mine.accessToken, scopes: ['https://graph.microsoft.com/User.Read'] });
    assert.equal(claims(result.accessToken).oid, person.id);
    assert.equal((await get('/me', result.accessToken)).status, 200);
    assert.equal((await get('/groups', result.accessToken)).status, 403);
  }
});

test('MSAL: the address of all tenants', async () => {
  const person = await somebody();
  const anywhere = new PublicClientApplication({ auth: { clientId: env.PUBLIC_CLIENT_ID, authority: `${base}/common`, knownAuthorities: [new URL(base).host] } });
  const result = await anywhere.acquireTokenByUsernamePassword({ scopes: ['User.Read'], username: person.userPrincipalName, password: env.PASSWORD });
  assert.equal(result.account.tenantId, env.TENANT_ID);
  assert.equal(claims(result.idToken).iss, `${authority}/v2.0`);
  assert.equal((await anywhere.acquireTokenSilent({ account: result.account, scopes: ['User.Read'] })).fromCache, true);
});

test('MSAL: device code', async () => {
  const person = await somebody();
  const result = await publicClient.acquireTokenByDeviceCode({
    scopes: ['User.Read'],
    deviceCodeCallback: ({ verificationUri, userCode }) => {
      fetch(`${verificationUri}?${new URLSearchParams({ user_code: userCode, login_hint: person.userPrincipalName })}`);
    },
  });
  assert.equal(result.account.localAccountId, person.id);
});

test('an id token verifies with the published keys', async () => {
  const person = await somebody();
  const { idToken } = await publicClient.acquireTokenByUsernamePassword({ scopes: ['User.Read'], username: person.userPrincipalName, password: env.PASSWORD });
  const document = await (await fetch(`${authority}/v2.0/.well-known/openid-configuration`)).json();
  const { keys } = await (await fetch(document.jwks_uri)).json();
  const [header, payload, signature] = idToken.split('.');
  const { kid } = JSON.parse(Buffer.from(header, 'base64url'));
  const jwk = keys.find((key) => key.kid === kid);
  const verify = createVerify('RSA-SHA256').update(`${header}.${payload}`);
  assert.ok(verify.verify(createPublicKey({ key: jwk, format: 'jwk' }), Buffer.from(signature, 'base64url')));
  assert.equal(claims(idToken).iss, document.issuer);
  assert.ok(new X509Certificate(Buffer.from(jwk.x5c[0], 'base64')).publicKey.equals(createPublicKey({ key: jwk, format: 'jwk' })));
});

test('Azure Identity: secret and certificate', async () => {
  const certificate = new ClientCertificateCredential(env.TENANT_ID, env.CLIENT_ID, { certificatePath: env.CLIENT_CERTIFICATE }, options);
  for (const [one, acr] of [[credential, '1'], [certificate, '2']]) {
    const { token, expiresOnTimestamp } = await one.getToken(graphDefault);
    assert.equal(claims(token).appidacr, acr);
    assert.ok(expiresOnTimestamp > Date.now() + 59 * 60_000 && expiresOnTimestamp < Date.now() + 91 * 60_000);
  }
  const wrong = new ClientSecretCredential(env.TENANT_ID, env.CLIENT_ID, 'x', options);
  await assert.rejects(wrong.getToken(graphDefault), /AADSTS7000215/);
});

test('Graph client: pages', async () => {
  const first = await graph.api('/users').select('id').top(50).get();
  assert.ok(first['@odata.nextLink'].startsWith(`${base}/v1.0/`));
  const ids = new Set();
  await new PageIterator(graph, first, ({ id }) => Boolean(ids.add(id))).iterate();
  assert.equal(ids.size, 500);
  const allotments = await graph.api('/admin/cloudLicensing/allotments').version('beta').get();
  assert.ok(allotments.value.length > 0);
});

test('Graph client: batch', async () => {
  const request = (id, path) => ({ id, request: new Request(`https://graph.microsoft.com${path}`) });
  const content = new BatchRequestContent([request('1', '/users?$top=1&$select=id'), request('2', '/subscribedSkus'), request('3', '/users/nobody')]);
  const answer = new BatchResponseContent(await graph.api('/$batch').post(await content.getContent()));
  assert.deepEqual(['1', '2', '3'].map((id) => answer.getResponseById(id).status), [200, 200, 404]);
});

test('Graph client: getByIds, assignLicense, errors', async () => {
  const person = await somebody();
  const found = await graph.api('/directoryObjects/getByIds').post({ ids: [person.id], types: ['user'] });
  assert.equal(found.value[0]['@odata.type'], '#microsoft.graph.user');
  await assert.rejects(graph.api('/users/00000000-0000-4000-8000-000000000000').get(), (error) => {
    assert.ok(error instanceof GraphError);
    assert.equal(error.statusCode, 404);
    assert.equal(error.code, 'Request_ResourceNotFound');
    assert.ok(error.requestId);
    return true;
  });
  await assert.rejects(graph.api(`/users/${person.id}/assignLicense`).post({ addLicenses: [] }), { statusCode: 400 });
});
