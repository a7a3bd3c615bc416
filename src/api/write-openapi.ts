import { writeFile } from 'node:fs/promises';
import { generateContract } from './generate-contract.ts';
import { planSchemaText } from './plan-schema.ts';

await writeFile(new URL('../../openapi.yaml', import.meta.url), await generateContract());
await writeFile(new URL('../../docs/plan.schema.json', import.meta.url), planSchemaText());
