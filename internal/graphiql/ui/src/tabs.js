// Tabs: what a newcomer finds open, and what becomes of it when the examples
// change under someone who has been here before.

// GraphiQL keeps its tabs under this key and clears every "graphiql:" key
// when asked to, so the examples come back then too.
const TABS = 'graphiql:tabState';
const SEEN = 'graphiql:examplesSeen';

/**
 * Returns the tabs to start with. On a first visit these are the examples.
 * Later they are the tabs as they were left, where an example that nobody
 * edited follows its new text and an example that is new opens at the end.
 * One that was edited or closed stays so.
 */
export function openTabs(examples, storage) {
  const defaults = examples.map(({ query, variables }) => ({ query, variables }));
  const state = read(storage, TABS);
  const before = read(storage, SEEN);
  const seen = Array.isArray(before) ? before : [];
  write(storage, SEEN, examples);

  if (!Array.isArray(state?.tabs) || !state.tabs.length || !state.tabs.every((tab) => tab?.title)) {
    return { defaults, active: defaults[0] };
  }

  for (const example of examples) {
    const old = seen.find((entry) => entry?.name === example.name);
    if (old) {
      for (const tab of state.tabs.filter((tab) => sameText(tab, old))) {
        Object.assign(tab, { query: example.query, variables: example.variables ?? null });
      }
    } else if (!state.tabs.some(({ title }) => title === example.name)) {
      state.tabs.push(tabOf(example));
    }
  }
  write(storage, TABS, state);
  return { defaults, active: state.tabs[state.activeTabIndex] ?? state.tabs[0] };
}

function sameText(a, b) {
  return (a.query ?? '') === (b.query ?? '') && (a.variables ?? '') === (b.variables ?? '');
}

function tabOf({ name, query, variables }) {
  return {
    // Unique among tabs; GraphiQL asks no more of it.
    id: `example-${name}-${Date.now()}`,
    title: name,
    operationName: name,
    query,
    variables: variables ?? null, // GraphiQL drops all tabs for one without
    headers: null,
    response: null,
  };
}

function read(storage, key) {
  try {
    return JSON.parse(storage.getItem(key));
  } catch {
    return null;
  }
}

function write(storage, key, value) {
  try {
    storage.setItem(key, JSON.stringify(value));
  } catch {
    // A full or refused storage costs the memory of this visit, not the page.
  }
}
