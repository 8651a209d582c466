"""The twin's replies, byte for byte those of server.c: heads as the recorded service frames them, and the bodies."""

from email.utils import formatdate
from itertools import islice
from typing import Final

from bench.ids import Population, ends_ns

_NAMESPACES: Final = (
    'xmlns="http://schemas.microsoft.com/windowsazure" xmlns:i="http://www.w3.org/2001/XMLSchema-instance"'
)
_HEAD: Final = (
    "HTTP/1.1 {status}\r\nx-ms-request-id: {id}\r\nDate: {date}\r\nx-ms-servedbyregion: ussouth3\r\n"
    "Cache-Control: no-cache\r\nServer: 1.0.6198.319, (rd_rdfe_stable.160216-1642), Microsoft-HTTPAPI/2.0\r\n"
    "Strict-Transport-Security: max-age=31536000; includeSubDomains\r\n"
    "Content-Type: application/xml; charset=utf-8\r\n{more}Content-Length: {length}\r\n\r\n"
)
_LISTED: Final = (
    "<SubscriptionOperation><OperationId>{id}</OperationId><OperationObjectId>/{subscription}/services/hostedservices/"
    "svc-0001/deployments/svc-0001-production</OperationObjectId><OperationName>WalkUpgradeDomain</OperationName>"
    '<OperationParameters><OperationParameter xmlns:a="http://schemas.datacontract.org/2004/07/Microsoft.WindowsAzure.'
    'ServiceManagement"><a:Name>subscriptionID</a:Name><a:Value>{subscription}</a:Value></OperationParameter>'
    "</OperationParameters><OperationCaller><UsedServiceManagementApi>true</UsedServiceManagementApi>"
    "<ClientIP>127.0.0.1</ClientIP></OperationCaller><OperationStatus><ID>{id}</ID><Status>InProgress</Status>"
    "</OperationStatus><OperationStartedTime>2016-02-18T01:33:03Z</OperationStartedTime></SubscriptionOperation>"
)


def reply(status: str, body: str, number: int, more: str = "") -> bytes:
    """Frame a reply; `number` counts the requests so far."""
    head = _HEAD.format(
        status=status, id=f"{0x6C6F6164:016x}{number:016x}", date=formatdate(usegmt=True), more=more, length=len(body)
    )
    return (head + body).encode()


def operation(request_id: str, now_ns: int) -> str:
    """Write an Operation as it is at an instant."""
    running, ended = "InProgress</Status>", "Succeeded</Status><HttpStatusCode>200</HttpStatusCode>"
    doing = running if now_ns < ends_ns(request_id) else ended
    return f"<Operation {_NAMESPACES}><ID>{_dashed(request_id)}</ID><Status>{doing}</Operation>"


def listing(population: Population, start: int, size: int, known_ns: int) -> str:
    """Write one page of what is in progress as far as is known at an instant, from a number on."""
    subscription = population.subscription
    wanted = (number for number in range(start, population.count) if ends_ns(population.operation(number)) > known_ns)
    shown = list(islice(wanted, size))
    entries = "".join(
        _LISTED.format(id=_dashed(population.operation(each)), subscription=subscription) for each in shown
    )
    rest = shown[-1] + 1 if len(shown) == size else population.count
    token = f"<ContinuationToken>{rest}</ContinuationToken>" if rest < population.count else ""
    return (
        f"<SubscriptionOperationCollection {_NAMESPACES}><SubscriptionOperations>{entries}</SubscriptionOperations>"
        f"{token}</SubscriptionOperationCollection>"
    )


def error(code: str, message: str) -> str:
    """Write an Error."""
    return f"<Error {_NAMESPACES}><Code>{code}</Code><Message>{message}</Message></Error>"


def _dashed(request_id: str) -> str:
    digits = request_id
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))
