// Writes build/ as gzip files into ../dist, the folder that the Go package
// embeds. Same input, same bytes: no names, no times, no platform mark.
import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';

const from = join(import.meta.dirname, 'build');
const to = join(import.meta.dirname, '..', 'dist');

rmSync(to, { recursive: true, force: true });
let total = 0;
for (const name of readdirSync(from, { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile())
  .map((entry) => join(entry.parentPath, entry.name).slice(from.length + 1))
  .sort()) {
  const packed = gzipSync(readFileSync(join(from, name)), { level: 9 });
  packed[9] = 255; // RFC 1952: operating system unknown
  const target = join(to, `${name}.gz`);
  mkdirSync(dirname(target), { recursive: true });
  writeFileSync(target, packed);
  total += packed.length;
  console.log(`${String(packed.length).padStart(9)}  ${name}.gz`);
}
console.log(`${String(total).padStart(9)}  total`);
