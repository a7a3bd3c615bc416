import { writeFile } from 'node:fs/promises';
import { generateContract } from './generate-contract.ts';

await writeFile(new URL('../../openapi.yaml', import.meta.url), await generateContract());
