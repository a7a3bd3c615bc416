/** What canaryd calls itself to the API server, which names it in `metadata.managedFields`. */
export const fieldManager = 'canaryd';
