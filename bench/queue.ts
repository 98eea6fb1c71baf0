export async function queue(): Promise<void> {}
