import 'graphiql/setup-workers/vite';
import 'graphiql/style.css';
import '@graphiql/plugin-explorer/style.css';
import './page.css';

import { useEffect, useState } from 'react';
import { createRoot } from 'react-dom/client';
import { GraphiQL, HISTORY_PLUGIN } from 'graphiql';
import { explorerPlugin } from '@graphiql/plugin-explorer';
import { useMonaco } from '@graphiql/react';
import { costOf } from './cost.js';
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

/**
 * Sends one operation; headers typed into the page win over configured ones.
 * What the answer cost goes to onCost, except for the page's own introspection.
 */
function fetcherFor({ endpoint, headers }, onCost) {
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
    let answer;
    try {
      answer = JSON.parse(text);
    } catch {
      throw new Error(`${endpoint} answered ${response.status} without JSON`);
    }
    if (operation.operationName !== 'IntrospectionQuery') {
      onCost(costOf(answer));
    }
    return answer;
  };
}

/**
 * Stops the editors from boxing letters that resemble Latin ones: people and
 * groups have names in every script. Invisible characters are still shown.
 */
function useEveryScript() {
  const monaco = useMonaco((state) => state.monaco);
  useEffect(() => {
    const relax = (editor) => editor.updateOptions({ unicodeHighlight: { ambiguousCharacters: false } });
    monaco?.editor.getEditors().forEach(relax);
    const listener = monaco?.editor.onDidCreateEditor(relax);
    return () => listener?.dispose();
  }, [monaco]);
}

function Page({ config, tabs }) {
  useEveryScript();
  const [cost, setCost] = useState('');
  const [fetcher] = useState(() => fetcherFor(config, setCost));
  return (
    <GraphiQL
      fetcher={fetcher}
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
      <GraphiQL.Footer>
        <p className="cost" role="status">
          {cost}
        </p>
      </GraphiQL.Footer>
    </GraphiQL>
  );
}

const root = createRoot(document.getElementById('root'));

try {
  const config = await loadConfig();
  document.title = `${config.title} · GraphiQL`;
  root.render(<Page config={config} tabs={openTabs(config.examples, localStorage)} />);
} catch (error) {
  root.render(
    <p className="notice" role="alert">
      GraphiQL could not start: {error.message}.
    </p>,
  );
}
