import { defineConfig } from 'vite';

export default defineConfig({
  // The page finds its files beside itself, under whatever prefix it is served.
  base: './',
  publicDir: false,
  build: {
    outDir: 'build',
    emptyOutDir: true,
    target: 'es2022',
    sourcemap: false,
    // The polyfill is an inline script, which the page's policy refuses.
    modulePreload: { polyfill: false },
    // Monaco's core is one large module graph; splitting it only moves it.
    chunkSizeWarningLimit: 4096,
    license: { fileName: 'licenses.md' },
    rolldownOptions: {
      // "use client" marks mean nothing without a server that renders.
      onLog(level, log, handle) {
        if (log.code !== 'MODULE_LEVEL_DIRECTIVE') {
          handle(level, log);
        }
      },
    },
  },
  worker: { format: 'es' },
});
