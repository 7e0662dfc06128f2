/** `npm run build`: installs if needed, compiles what has changed. `-- --clean`: from nothing. */
import { clean, setUp } from './set-up.mjs';

if (process.argv.includes('--clean')) clean();
await setUp();
console.log('The build is up to date.');
