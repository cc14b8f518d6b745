"""What can end a start, each with a text for the operator that says what to do.

StartError
├── StateInUseError        another `make up` holds this state directory
├── PortTakenError         KAREZ_PORT is somebody else's
├── SettingError      the environment contradicts itself
└── ProcessFailedError     a child could not be started, with the end of its log
"""


class StartError(Exception):
    """The message is shown to the operator as it is."""


class StateInUseError(StartError):
    pass


class PortTakenError(StartError):
    pass


class SettingError(StartError):
    pass


class ProcessFailedError(StartError):
    def __init__(self, *, name: str, reason: str, last_lines: str) -> None:
        super().__init__(f"{name}: {reason}")
        self.name = name
        self.reason = reason
        self.last_lines = last_lines
