from fastgw._pure import compiled as compiled
from fastgw.app import App as App
from fastgw.app import Request as Request
from fastgw.app import Response as Response

__version__: str
