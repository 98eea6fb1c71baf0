// npm run test:vm: tests on Debian's own kernel, which has what the running one may lack. Needs root.
//
// The machine boots from a small initial RAM disk; its root is this machine's, shared by virtiofs and read only:
// what is written stays in its memory. There is no network card in it.
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { fail, runChild } from './child.js'
import { root, SANDBOX_TOOLS, setup, unpackDebian } from './setup.js'

const VIRTIOFSD = '/usr/lib/qemu/virtiofsd'
const TESTS = ['test/kernel/doctor.test.ts', 'native/test/queue.test.ts']
const MEMORY = '3072M'
/** What the root file system needs before a module can be loaded from it. */
const EARLY_MODULES = ['virtio_pci', 'virtiofs', 'overlay']
/** The serial line that carries the exit code is a file of ours. */
const folder = join(root, 'dist/vm')
const socket = join(folder, 'root.sock')
const ended = join(folder, 'ended')

async function main(tests) {
  if (process.platform !== 'linux' || process.getuid() !== 0)
    fail('a virtual machine of this root needs root')
  await setup([...SANDBOX_TOOLS, 'nsenter', 'nft', 'qemu-system-x86_64', 'depmod', 'cpio'])
  const image = await kernelPackage()
  for (const name of [image, 'busybox-static']) await unpackDebian(name)
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  const kernel = join(root, 'dist/debian', image)
  const release = readdirSync(join(kernel, 'lib/modules'))[0]
  await run('depmod', ['-b', kernel, release])
  await packRamDisk(kernel, release)
  process.exitCode = await boot(join(kernel, `boot/vmlinuz-${release}`), kernel, tests)
}

/** The package that Debian's package of the newest kernel stands for. */
async function kernelPackage() {
  const output = await run('apt-cache', ['depends', 'linux-image-cloud-amd64'])
  const image = /Depends: (linux-image-[\w.-]+)/.exec(output)?.[1]
  if (!image) fail('apt knows no package linux-image-cloud-amd64: apt-get update may help')
  return image
}

// The RAM disk

async function packRamDisk(kernel, release) {
  const disk = join(folder, 'disk')
  for (const name of ['bin', 'modules', 'proc', 'dev', 'host', 'memory', 'top'])
    mkdirSync(join(disk, name), { recursive: true })
  const modules = await earlyModules(kernel, release)
  await run('cp', [join(root, 'dist/debian/busybox-static/bin/busybox'), join(disk, 'bin')])
  await run('cp', [...modules, join(disk, 'modules')])
  writeFileSync(join(disk, 'init'), init(modules.map((path) => path.split('/').pop())), { mode: 0o755 })
  await run('sh', ['-c', 'cd "$1" && find . | cpio -o -H newc --quiet > ../disk.img', 'sh', disk])
}

async function earlyModules(kernel, release) {
  const lists = await Promise.all(
    EARLY_MODULES.map((name) => run('modprobe', ['-d', kernel, '-S', release, '--show-depends', name])),
  )
  return [...new Set([...lists.join('\n').matchAll(/^insmod (\S+)/gm)].map(([, path]) => path))]
}

function init(modules) {
  return `#!/bin/busybox sh
for tool in mount mkdir insmod switch_root; do alias $tool="/bin/busybox $tool"; done
mount -t proc proc /proc && mount -t devtmpfs dev /dev
for module in ${modules.join(' ')}; do insmod /modules/$module; done
mount -t virtiofs -o ro host /host && mount -t tmpfs memory /memory && mkdir /memory/upper /memory/work
mount -t overlay -o lowerdir=/host,upperdir=/memory/upper,workdir=/memory/work overlay /top
mount -t proc proc /top/proc && mount -t sysfs sys /top/sys && mount -t devtmpfs dev /top/dev
mount -t tmpfs -o mode=755 tmpfs /top/run
exec /bin/busybox switch_root /top /bin/sh ${fileURLToPath(import.meta.url).replace(/\.js$/, '.sh')}
`
}

// The machine

async function boot(image, kernel, tests) {
  // It ends by itself when the machine does.
  const options = 'source=/,cache=auto,sandbox=chroot'
  let serving = true
  const served = runChild(VIRTIOFSD, [`--socket-path=${socket}`, '-o', options], { capture: true })
  served.then(() => {
    serving = false
  })
  while (serving && !existsSync(socket)) await sleep(20)
  if (!serving) fail(`${VIRTIOFSD} failed:\n${(await served).output}`)
  // The kernel hands what it does not know to the first process, as its environment.
  const environment = {
    PORTCULLIS_ROOT: root,
    PORTCULLIS_KERNEL: kernel,
    PORTCULLIS_NODE: dirname(process.execPath),
    PORTCULLIS_TESTS: tests.join(','),
  }
  const words = Object.entries(environment).map(([name, value]) => `${name}=${value}`)
  await runChild('qemu-system-x86_64', [
    ...['-accel', 'tcg,thread=multi', '-cpu', 'max', '-smp', '2', '-m', MEMORY],
    ...['-machine', 'q35,memory-backend=memory'],
    ...['-object', `memory-backend-memfd,id=memory,size=${MEMORY},share=on`],
    ...['-nodefaults', '-no-reboot', '-display', 'none', '-serial', 'stdio', '-serial', `file:${ended}`],
    ...['-chardev', `socket,id=root,path=${socket}`, '-device', 'vhost-user-fs-pci,chardev=root,tag=host'],
    ...['-kernel', image, '-initrd', join(folder, 'disk.img')],
    ...['-append', `console=ttyS0 quiet panic=-1 ${words.join(' ')}`],
  ])
  const code = existsSync(ended) ? Number.parseInt(readFileSync(ended, 'utf8'), 10) : Number.NaN
  if (Number.isNaN(code)) fail('the machine ended before the tests did')
  return code
}

async function run(command, args) {
  const { code, output } = await runChild(command, args, { capture: true })
  if (code !== 0) fail(`${command} ${args.join(' ')} failed:\n${output}`)
  return output
}

const tests = process.argv.slice(2)
await main(tests.length > 0 ? tests : TESTS)
