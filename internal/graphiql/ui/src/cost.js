/**
 * Says in a line what an answer cost upstream, or nothing when the answer
 * does not tell. Names the numbers of extensions.upstream as they are there.
 */
export function costOf(answer) {
  const numbers = Object.entries(answer?.extensions?.upstream ?? {})
    .filter(([, value]) => typeof value === 'number')
    .map(([name, value]) => `${value.toLocaleString('en')} ${words(name)}`);
  return numbers.length > 0 ? `Last answer, upstream: ${numbers.join(' · ')}` : '';
}

/** Turns batchParts into "batch parts". */
function words(name) {
  return name.replace(/([A-Z])/g, ' $1').toLowerCase();
}
