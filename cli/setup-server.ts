import { Connection } from '@temporalio/client';
import { loadClientConnectConfig } from '@temporalio/envconfig';
import { Command } from 'commander';
import { SEARCH_ATTRIBUTES } from '../contracts/protocol/search-attributes.js';
import { ensureNamespace } from './temporal/namespace.js';
import { declareSearchAttributes } from './temporal/search-attributes.js';

export function setupServerCommand(): Command {
  return new Command('setup-server')
    .description('once per server: the namespace and the search attributes that runs need, where they are missing')
    .action(setupServer);
}

async function setupServer(): Promise<void> {
  const { connectionOptions, namespace = 'default' } = loadClientConnectConfig();
  const connection = await Connection.connect(connectionOptions);
  try {
    await ensureNamespace(connection, namespace);
    await declareSearchAttributes(connection, namespace, Object.values(SEARCH_ATTRIBUTES));
    console.log(`namespace ${namespace} is ready`);
  } finally {
    await connection.close();
  }
}
