from gnomon.buffer.disk import DiskBuffer
from gnomon.buffer.memory import MemoryBuffer
from gnomon.buffer.settings import BufferSettings
from gnomon.testing.contract.buffers import BufferContract, DurableBufferContract
from gnomon.testing.faults import FaultyFiles


class TestMemoryBuffer(BufferContract):
    def make(self, folder, clock, telemetry, **settings):
        return MemoryBuffer(BufferSettings(**settings), clock, telemetry, "agent-1", "sink-1")


class TestDiskBuffer(DurableBufferContract):
    def make(self, folder, clock, telemetry, **settings):
        path = folder / "buffer" / "sink-1"
        return DiskBuffer(path, BufferSettings(**settings), clock, telemetry, "agent-1", "sink-1")


class TestDiskBufferThatAlwaysSyncs(TestDiskBuffer):
    def make(self, folder, clock, telemetry, **settings):
        return super().make(folder, clock, telemetry, sync="always", **settings)


class TestDiskBufferOnSimulatedFiles(DurableBufferContract):
    """So that the crash tests, which run on these, test the same buffer."""

    files: FaultyFiles

    def setup_method(self):
        self.files = FaultyFiles()

    def make(self, folder, clock, telemetry, **settings):
        return DiskBuffer(
            folder,
            BufferSettings(sync="never", **settings),
            clock,
            telemetry,
            "agent-1",
            "sink-1",
            files=self.files,
        )
