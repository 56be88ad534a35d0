//! How many allocations a piece of work makes: a counting allocator for the benches.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

/// Counts the allocations of the thread that makes them.
pub struct Counting;

thread_local! {
    static MADE: Cell<u64> = const { Cell::new(0) };
}

/// The allocations that `work` makes on this thread.
pub fn of<T>(work: impl FnOnce() -> T) -> u64 {
    let before = MADE.get();
    let made = work();
    let count = MADE.get() - before;
    drop(made);
    count
}

// SAFETY: every call goes to the system's allocator unchanged; counting touches a thread-local cell only.
#[expect(unsafe_code, reason = "an allocator is unsafe to implement; this one only counts")]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let _ = MADE.try_with(|made| made.set(made.get() + 1));
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        let _ = MADE.try_with(|made| made.set(made.get() + 1));
        unsafe { System.realloc(pointer, layout, size) }
    }
}
