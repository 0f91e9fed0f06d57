# SPDX-License-Identifier: Apache-2.0
import platform
import resource

import pytest
import torch

from maxent_rl.heap import keep_freed_memory


@pytest.mark.skipif(platform.libc_ver()[0] != 'glibc', reason='glibc alone has these settings')
def test_memory_that_is_freed_and_taken_again_costs_no_page_faults():
    assert keep_freed_memory()

    def faults(rounds):
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        for _ in range(rounds):
            torch.ones(1_000_000)  # 4 MB: a thousand pages
        return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

    faults(3)
    assert faults(20) < 2_000  # were each piece returned to the system, 20,000
