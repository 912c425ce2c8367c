import assert from 'node:assert/strict';
import { test } from 'node:test';
import { costOf } from './cost.js';
import { openTabs } from './tabs.js';

const people = { name: 'People', query: 'query People { a }', variables: '{"first":1}' };
const groups = { name: 'Groups', query: 'query Groups { b }' };

/** A storage like the browser's, over a Map. */
function storage(entries = {}) {
  const map = new Map(Object.entries(entries));
  return {
    getItem: (key) => map.get(key) ?? null,
    setItem: (key, value) => map.set(key, value),
    tabs: () => JSON.parse(map.get('graphiql:tabState')).tabs.map(({ title, query }) => `${title}: ${query}`),
    left: (tabs, activeTabIndex = 0) => map.set('graphiql:tabState', JSON.stringify({ tabs, activeTabIndex })),
  };
}

const tab = ({ name, query, variables }) => ({ id: name, title: name, query, variables });

test('a first visit opens the examples', () => {
  const { defaults, active } = openTabs([people, groups], storage());
  assert.deepEqual(
    defaults.map(({ query }) => query),
    [people.query, groups.query],
  );
  assert.equal(active, defaults[0]);
});

test('nothing to open is no error', () => {
  assert.deepEqual(openTabs([], storage()), { defaults: [], active: undefined });
});

test('a storage in disorder counts as a first visit', () => {
  for (const text of ['{', 'null', '{}', '{"tabs":[]}', '{"tabs":3}', '{"tabs":[null]}']) {
    const { active } = openTabs([people], storage({ 'graphiql:tabState': text, 'graphiql:examplesSeen': text }));
    assert.equal(active.query, people.query, text);
  }
});

test('a memory in disorder counts as none', () => {
  const store = storage({ 'graphiql:examplesSeen': '{"tabs":[null]}' });
  store.left([tab(people)]);
  openTabs([people, groups], store);
  assert.deepEqual(store.tabs(), ['People: query People { a }', 'Groups: query Groups { b }']);
});

test('every tab that is left says what its variables are', () => {
  const store = storage({ 'graphiql:examplesSeen': JSON.stringify([groups]) });
  store.left([{ ...tab(groups), variables: '' }]);
  openTabs([{ ...groups, query: 'query Groups { c }' }, { ...people, variables: undefined }], store);
  const { tabs } = JSON.parse(store.getItem('graphiql:tabState'));
  assert.deepEqual(
    tabs.map(({ variables }) => variables),
    [null, null],
  );
});

test('a later visit', async (t) => {
  const cases = [
    {
      name: 'finds the tabs as they were left',
      left: [tab(groups), tab(people)],
      now: [people, groups],
      want: ['Groups: query Groups { b }', 'People: query People { a }'],
    },
    {
      name: 'leaves a closed example closed',
      left: [tab(groups)],
      now: [people, groups],
      want: ['Groups: query Groups { b }'],
    },
    {
      name: 'brings an untouched example up to date',
      left: [tab(people)],
      now: [{ ...people, query: 'query People { c }' }],
      want: ['People: query People { c }'],
    },
    {
      name: 'keeps what was edited',
      left: [tab({ ...people, query: 'query People { mine }' }), tab({ ...groups, variables: '{"mine":1}' })],
      now: [
        { ...people, query: 'query People { c }' },
        { ...groups, query: 'query Groups { d }' },
      ],
      want: ['People: query People { mine }', 'Groups: query Groups { b }'],
    },
    {
      name: 'opens a new example at the end',
      left: [tab(people)],
      now: [{ name: 'New', query: 'query New { e }' }, people],
      want: ['People: query People { a }', 'New: query New { e }'],
    },
  ];
  for (const { name, left, now, want } of cases) {
    await t.test(name, () => {
      const store = storage();
      openTabs([people, groups], store);
      store.left(left);
      openTabs(now, store);
      assert.deepEqual(store.tabs(), want);
      openTabs(now, store);
      assert.deepEqual(store.tabs(), want, 'on the visit after');
    });
  }
});

test('the tab that was in front is in front again', () => {
  const store = storage();
  openTabs([people, groups], store);
  store.left([tab(people), tab(groups)], 1);
  assert.equal(openTabs([people, groups], store).active.query, groups.query);
});

test('a full storage does not stop the page', () => {
  const full = {
    getItem: () => null,
    setItem() {
      throw new Error('full');
    },
  };
  assert.equal(openTabs([people], full).active.query, people.query);
});

test('the cost of an answer in words', () => {
  const upstream = { requests: 4, resourceUnits: 1200, byEndpoint: [{}] };
  assert.equal(costOf({ extensions: { upstream } }), 'Last answer, upstream: 4 requests · 1,200 resource units');
  assert.equal(costOf({ data: {} }), '');
  assert.equal(costOf(null), '');
});
