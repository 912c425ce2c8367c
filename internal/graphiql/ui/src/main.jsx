import 'graphiql/setup-workers/vite';
import 'graphiql/style.css';
import '@graphiql/plugin-explorer/style.css';
import './page.css';

import { useEffect, useState } from 'react';
import { createRoot } from 'react-dom/client';
import { GraphiQL, HISTORY_PLUGIN } from 'graphiql';
import { explorerPlugin } from '@graphiql/plugin-explorer';
import { useMonaco } from '@graphiql/react';
import { Account } from './account.jsx';
import { costOf } from './cost.js';
import { createSession } from './signin.js';
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
 * Sends one operation as whoever is signed in; headers typed into the page win
 * over all others. What the answer cost goes to onCost, except for the page's
 * own introspection.
 */
function fetcherFor({ endpoint, headers }, session, onCost) {
  return async (operation, options) => {
    const sent = new Headers({
      accept: 'application/graphql-response+json, application/json;q=0.9',
      'content-type': 'application/json',
      ...headers,
      ...options?.headers,
    });
    const pasted = sent.has('authorization');
    if (session && !pasted) {
      const token = await session.token();
      if (!token) {
        return { errors: [{ message: 'Sign in first: the button is at the top. Your tabs stay as they are.' }] };
      }
      sent.set('authorization', `Bearer ${token}`);
    }
    const response = await fetch(endpoint, {
      method: 'POST',
      headers: sent,
      body: JSON.stringify(operation),
    });
    if (response.status === 401 && !pasted) {
      session?.challenged(response.headers.get('www-authenticate'));
    }
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

function Page({ config, session, tabs }) {
  useEveryScript();
  const [cost, setCost] = useState('');
  const [fetcher] = useState(() => fetcherFor(config, session, setCost));
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
        {session && <Account session={session} />}
      </GraphiQL.Logo>
      <GraphiQL.Footer>
        {config.signIn && !session && (
          <p className="cost">
            The gateway wants an access token: paste it under Headers as {'{"Authorization": "Bearer …"}'}. For a button that signs you in, the gateway needs --graphiql-client-id.
          </p>
        )}
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
  const session = config.signIn?.clientId ? createSession(config.signIn, window) : null;
  await session?.resume();
  root.render(<Page config={config} session={session} tabs={openTabs(config.examples, localStorage)} />);
} catch (error) {
  root.render(
    <p className="notice" role="alert">
      GraphiQL could not start: {error.message}.
    </p>,
  );
}
