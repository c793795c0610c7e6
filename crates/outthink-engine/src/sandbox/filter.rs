//! The kernel's filter for the sandbox: a seccomp program, in its binary form.
//!
//! It lets threads be made and nothing else that would be a process: `fork` and `vfork` fail, `clone`
//! fails without `CLONE_THREAD`, and `clone3`, whose flags a filter cannot see, is said not to exist, at
//! which the C library takes `clone`. It also hides what a test of code never needs: sockets, tracing,
//! mounts, keys, BPF, `io_uring` and new user namespaces.

/// One instruction of classic BPF: code, jumps if true and false, operand.
type Instruction = (u16, u8, u8, u32);

const LOAD: u16 = 0x20;
const EQUAL: u16 = 0x15;
const ANY_BIT: u16 = 0x45;
const RETURN: u16 = 0x06;

const ALLOW: u32 = 0x7fff_0000;
const KILL: u32 = 0x8000_0000;
/// Fails with an error number.
const ERRNO: u32 = 0x0005_0000;
const EPERM: u32 = 1;
const ENOSYS: u32 = 38;
const CLONE_THREAD: u32 = 0x0001_0000;

/// Offsets in `struct seccomp_data`.
const NUMBER: u32 = 0;
const ARCHITECTURE: u32 = 4;
const FIRST_ARGUMENT: u32 = 16;

/// What the filter must know of a machine: the numbers of its system calls.
struct Machine {
    architecture: u32,
    clone: u32,
    clone3: u32,
    refused: &'static [u32],
}

/// fork, vfork, socket, socketpair, ptrace, mount, umount2, unshare, setns, bpf, keyctl, `add_key`, `request_key`,
/// `io_uring_setup`, `process_vm_readv`, `process_vm_writev`, `perf_event_open`, userfaultfd, `pidfd_getfd`.
const X86_64: Machine = Machine {
    architecture: 0xc000_003e,
    clone: 56,
    clone3: 435,
    refused: &[57, 58, 41, 53, 101, 165, 166, 272, 308, 321, 250, 248, 249, 425, 310, 311, 298, 323, 438],
};

/// As above; fork and vfork do not exist here.
const AARCH64: Machine = Machine {
    architecture: 0xc000_00b7,
    clone: 220,
    clone3: 435,
    refused: &[198, 199, 117, 40, 39, 97, 268, 280, 219, 217, 218, 425, 270, 271, 241, 282, 438],
};

/// The program for this machine, as the kernel reads it; `None` where none is known.
pub(super) fn program() -> Option<Vec<u8>> {
    let machine = if cfg!(target_arch = "x86_64") {
        X86_64
    } else if cfg!(target_arch = "aarch64") {
        AARCH64
    } else {
        return None;
    };
    let bytes = |(code, yes, no, operand): Instruction| {
        let mut bytes = [0; 8];
        bytes[..2].copy_from_slice(&code.to_ne_bytes());
        (bytes[2], bytes[3]) = (yes, no);
        bytes[4..].copy_from_slice(&operand.to_ne_bytes());
        bytes
    };
    Some(instructions(&machine).into_iter().flat_map(bytes).collect())
}

fn instructions(machine: &Machine) -> Vec<Instruction> {
    let mut program = vec![
        (LOAD, 0, 0, ARCHITECTURE),
        // Calls of another architecture (32 bits on x86-64) have other numbers.
        (EQUAL, 1, 0, machine.architecture),
        (RETURN, 0, 0, KILL),
        (LOAD, 0, 0, NUMBER),
        (EQUAL, 0, 1, machine.clone3),
        (RETURN, 0, 0, ERRNO | ENOSYS),
        (EQUAL, 0, 4, machine.clone),
        (LOAD, 0, 0, FIRST_ARGUMENT),
        (ANY_BIT, 0, 1, CLONE_THREAD),
        (RETURN, 0, 0, ALLOW),
        (RETURN, 0, 0, ERRNO | EPERM),
    ];
    for &call in machine.refused {
        program.extend([(EQUAL, 0, 1, call), (RETURN, 0, 0, ERRNO | EPERM)]);
    }
    // The second table of x86-64 (x32) has the same calls from this bit on.
    program.extend([(ANY_BIT, 0, 1, 0x4000_0000), (RETURN, 0, 0, KILL), (RETURN, 0, 0, ALLOW)]);
    program
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs a filter on a call, as the kernel does.
    fn run(program: &[Instruction], architecture: u32, number: u32, argument: u32) -> u32 {
        let (mut at, mut value) = (0, 0);
        loop {
            let (code, yes, no, operand) = program[at];
            at += 1;
            match code {
                LOAD => {
                    value = match operand {
                        NUMBER => number,
                        ARCHITECTURE => architecture,
                        _ => argument,
                    };
                }
                EQUAL => at += usize::from(if value == operand { yes } else { no }),
                ANY_BIT => at += usize::from(if value & operand != 0 { yes } else { no }),
                _ => return operand,
            }
        }
    }

    #[test]
    fn threads_are_allowed_and_processes_are_not() {
        for machine in [X86_64, AARCH64] {
            let program = instructions(&machine);
            let call = |number, argument| run(&program, machine.architecture, number, argument);
            assert_eq!(call(machine.clone, CLONE_THREAD | 0x100), ALLOW);
            assert_eq!(call(machine.clone, 17), ERRNO | EPERM);
            assert_eq!(call(machine.clone3, 0), ERRNO | ENOSYS);
            assert_eq!(call(machine.refused[0], 0), ERRNO | EPERM);
            assert_eq!(call(*machine.refused.last().unwrap(), 0), ERRNO | EPERM);
            assert_eq!(call(0, 0), ALLOW);
            assert_eq!(run(&program, 0x4000_0003, 2, 0), KILL);
            assert_eq!(call(0x4000_0039, 0), KILL);
        }
    }
}
