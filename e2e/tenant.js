// Starts the embedded tenant alone, over HTTPS.
import { execFileSync, spawn } from 'node:child_process';
import { join } from 'node:path';

/**
 * Starts the binary in GATEWAY, or one built from this checkout into a folder, and waits until it says where things are.
 * The variables are what the clients of the tenant need.
 */
export async function startTenant(scratch, ...flags) {
  let binary = process.env.GATEWAY;
  if (!binary) {
    binary = join(scratch, 'licensegraph');
    execFileSync('go', ['build', '-o', binary, './server'], { cwd: join(import.meta.dirname, '..'), stdio: 'inherit' });
  }
  const ca = join(scratch, 'ca.pem');
  const certificate = join(scratch, 'certificate.pem');
  const child = spawn(
    binary,
    ['embedded', '--listen', '127.0.0.1:0', '--tls', '--ca-file', ca, '--certificate-file', certificate, ...flags],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  );
  const printed = await new Promise((resolve, reject) => {
    let text = '';
    const timer = setTimeout(() => reject(new Error(`not started within 30 s:\n${text}`)), 30_000);
    const read = (chunk) => {
      text += chunk;
      if (text.includes('Ctrl-C')) {
        clearTimeout(timer);
        resolve(text);
      }
    };
    child.stdout.on('data', read);
    child.stderr.on('data', read);
    child.once('error', reject);
    child.once('exit', (code) => reject(new Error(`the tenant ended with ${code}:\n${text}`)));
  });
  const value = (name) => printed.match(new RegExp(`^${name} +(\\S+)`, 'm'))[1];
  return {
    child,
    variables: {
      NODE_EXTRA_CA_CERTS: ca,
      SSL_CERT_FILE: ca,
      TENANT_URL: new URL(value('Microsoft Graph')).origin,
      TENANT_ID: value('Tenant'),
      CLIENT_ID: value('Client'),
      CLIENT_SECRET: value('Secret'),
      CLIENT_CERTIFICATE: certificate,
      PUBLIC_CLIENT_ID: value('Public client'),
      PASSWORD: value('Password'),
    },
  };
}
