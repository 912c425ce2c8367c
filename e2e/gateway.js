// Starts the gateway that the tests look at.
import { execFileSync, spawn } from 'node:child_process';
import { join } from 'node:path';

/** Starts the binary in GATEWAY, or one built from this checkout into a folder, with flags. */
export function startGateway(scratch, ...flags) {
  let binary = process.env.GATEWAY;
  if (!binary) {
    binary = join(scratch, 'licensegraph');
    execFileSync('go', ['build', '-o', binary, './server'], {
      cwd: join(import.meta.dirname, '..'),
      stdio: 'inherit',
    });
  }
  return spawn(binary, ['--listen', '127.0.0.1:0', '--embedded-listen', '127.0.0.1:0', ...flags], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

/** Reads what the gateway prints until it names GraphiQL's address. */
export function graphiqlAddress(child) {
  return new Promise((resolve, reject) => {
    let printed = '';
    const timer = setTimeout(() => reject(new Error(`no address within 30 s:\n${printed}`)), 30_000);
    const read = (chunk) => {
      printed += chunk;
      const match = printed.match(/GraphiQL.*?(http:\/\/127\.0\.0\.1:\d+\/)/);
      if (match) {
        clearTimeout(timer);
        resolve(match[1]);
      }
    };
    child.stdout.on('data', read);
    child.stderr.on('data', read);
    child.once('error', reject);
    child.once('exit', (code) => reject(new Error(`the gateway ended with ${code}:\n${printed}`)));
  });
}
