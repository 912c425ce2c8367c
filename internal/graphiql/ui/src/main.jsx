import 'graphiql/setup-workers/vite';
import 'graphiql/style.css';
import '@graphiql/plugin-explorer/style.css';
import './page.css';

import { createRoot } from 'react-dom/client';
import { GraphiQL, HISTORY_PLUGIN } from 'graphiql';
import { explorerPlugin } from '@graphiql/plugin-explorer';
import { openTabs } from './tabs.js';

const plugins = [HISTORY_PLUGIN, explorerPlugin()];

/** Fetches what the server wants this page to show. */
async function loadConfig() {
  const response = await fetch('./graphiql.json');
  if (!response.ok) {
    throw new Error(`the server answered ${response.status}`);
  }
  return response.json();
}

/** Sends one operation; headers typed into the page win over configured ones. */
function fetcherFor({ endpoint, headers }) {
  return async (operation, options) => {
    const response = await fetch(endpoint, {
      method: 'POST',
      headers: {
        accept: 'application/graphql-response+json, application/json;q=0.9',
        'content-type': 'application/json',
        ...headers,
        ...options?.headers,
      },
      body: JSON.stringify(operation),
    });
    const text = await response.text();
    try {
      return JSON.parse(text);
    } catch {
      throw new Error(`${endpoint} answered ${response.status} without JSON`);
    }
  };
}

const root = createRoot(document.getElementById('root'));

try {
  const config = await loadConfig();
  document.title = `${config.title} · GraphiQL`;
  const tabs = openTabs(config.examples, localStorage);
  root.render(
    <GraphiQL
      fetcher={fetcherFor(config)}
      plugins={plugins}
      defaultTabs={tabs.defaults}
      initialQuery={tabs.active?.query ?? ''}
      initialVariables={tabs.active?.variables ?? ''}
      defaultEditorToolsVisibility="variables"
      // Headers may hold tokens, so they live as long as the page does.
      shouldPersistHeaders={false}
      schemaDescription
      inputValueDeprecation
    >
      <GraphiQL.Logo>
        <h1 className="title">{config.title}</h1>
      </GraphiQL.Logo>
    </GraphiQL>,
  );
} catch (error) {
  root.render(
    <p className="notice" role="alert">
      GraphiQL could not start: {error.message}.
    </p>,
  );
}
