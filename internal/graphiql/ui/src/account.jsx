import { useSyncExternalStore } from 'react';

/** Says who is signed in, and lets people in and out. */
export function Account({ session }) {
  const { person, problem } = useSyncExternalStore(session.subscribe, session.status);
  return (
    <div className="account">
      {problem && (
        <span className="problem" role="alert">
          {problem}
        </span>
      )}
      {person && (
        <span className="person" title="Signed in">
          {person}
        </span>
      )}
      {(!person || problem) && (
        <button type="button" className="graphiql-button" onClick={() => session.signIn()}>
          {person ? 'Sign in again' : 'Sign in'}
        </button>
      )}
      {person && (
        <>
          <button type="button" className="graphiql-button" onClick={() => session.signIn('select_account')}>
            Switch
          </button>
          <button type="button" className="graphiql-button" onClick={() => session.signOut()}>
            Sign out
          </button>
        </>
      )}
    </div>
  );
}
